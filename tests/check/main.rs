//! ce-check as its users meet it: the built program, real servers, exact exit codes.

mod contract;
mod dropin;
mod examples;
mod hang;
mod install;
mod jobs;
mod mail;
mod munin;
mod nagios;
mod names;
mod prometheus;
mod run;
mod schema;
mod shell;
mod submit;
mod web;
