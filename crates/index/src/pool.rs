//! Read-only connections, handed out one to a caller. Under WAL none of them ever waits for the writer.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

pub(crate) struct Pool {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Pool {
    pub(crate) fn new(connections: Vec<Connection>) -> Self {
        Self { idle: Mutex::new(connections), returned: Condvar::new() }
    }

    /// Waits until one is idle: reads are short, and there is nothing better to do with more of them at once.
    pub(crate) fn take(&self) -> Reader<'_> {
        // A panic elsewhere cannot have left the list in a bad state: it is only pushed to and popped from.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.pop() {
                return Reader { pool: self, connection: Some(connection) };
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Goes back to the pool when dropped.
pub(crate) struct Reader<'pool> {
    pool: &'pool Pool,
    connection: Option<Connection>,
}

impl Deref for Reader<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("only drop takes it")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            self.pool.returned.notify_one();
        }
    }
}
