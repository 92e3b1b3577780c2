//! ce-check as its users meet it: the built program, real servers, exact exit codes.

mod contract;
mod dropin;
mod examples;
mod hang;
mod install;
mod munin;
mod nagios;
mod prometheus;
mod run;
mod schema;
mod submit;
mod web;
