//! The schema, and how an older one becomes it.

use rusqlite_migration::{M, Migrations};

/// Every schema there was, oldest first.
pub(crate) fn migrations() -> Migrations<'static> {
    Migrations::from_iter([
        M::up(include_str!("schema/1.sql")),
        M::up(include_str!("schema/2.sql")),
        M::up(include_str!("schema/3.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_applies() {
        migrations().validate().unwrap();
    }
}
