//! The flags that say which database server is meant.

use std::path::PathBuf;

use clap::Args;

use crate::database::Access;

/// How the server is reached.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Server")]
pub(crate) struct Reach {
    /// The password: an option file for MariaDB and MySQL, a password file for PostgreSQL; for its owner alone to read
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,

    /// The server's socket, for PostgreSQL its folder
    #[arg(long, value_name = "PATH", conflicts_with = "host")]
    socket: Option<PathBuf>,

    /// The server's name or address
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// Its port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// Log in as this user
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// The folder of the database's own programs [default: by PATH]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

impl Reach {
    pub fn access(&self) -> Access {
        Access {
            credentials: self.credentials_file.clone(),
            socket: self.socket.clone(),
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            programs: self.programs.clone(),
        }
    }
}
