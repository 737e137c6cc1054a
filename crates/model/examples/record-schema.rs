//! Prints the record's JSON Schema: `make schema` writes it to `docs/record.schema.json`.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

fn main() {
    println!("{:#}", aiv1_model::record_schema());
}
