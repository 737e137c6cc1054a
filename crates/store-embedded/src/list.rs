//! Lists: one index for every combination of filters in every order, entered where the page before ended.
//!
//! Every statement has a lower or upper bound on its sort key, which on the first page lies outside everything, so that
//! there is one form of statement and the plan is always a search in one index, without scanning or sorting.

use crate::database::Fail;
use crate::rows;
use aiv1_model::Summary;
use aiv1_store::{Error, Order, Page, Query};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::{Connection, params_from_iter, types::Value};

/// Where a page ends: the sort key and the number of its last row.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Position {
    order: Order,
    key: f64,
    number: i64,
}

impl Position {
    /// Before the first row.
    fn start(order: Order) -> Self {
        let number = if order == Order::Newest { i64::MAX } else { 0 };
        Self { order, key: f64::NEG_INFINITY, number }
    }

    fn write(self) -> String {
        let mut bytes = vec![tag(self.order)];
        bytes.extend(self.key.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn read(text: &str, order: Order) -> Option<Self> {
        let bytes: [u8; 17] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let key = f64::from_be_bytes(bytes[1..9].try_into().ok()?);
        let number = i64::from_be_bytes(bytes[9..].try_into().ok()?);
        let sound = key.is_finite() && number > 0 && bytes[0] == tag(order);
        sound.then_some(Self { order, key, number })
    }
}

const fn tag(order: Order) -> u8 {
    match order {
        Order::Newest => b'n',
        Order::Oldest => b'o',
        Order::Best => b'b',
        Order::Cheapest => b'c',
    }
}

/// What follows a position: rows with the same sort key, and then those beyond it. Two statements, since in one a search
/// would begin at the first of the rows with the same key, however many those are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Ties,
    Beyond,
}

/// The parts that a query has: numbers have no ties, and neither has the start.
fn parts(query: &Query) -> &'static [Part] {
    let keyed = matches!(query.order, Order::Best | Order::Cheapest);
    if keyed && query.cursor.is_some() { &[Part::Ties, Part::Beyond] } else { &[Part::Beyond] }
}

/// The statement of a part; its values are status, codec, arm as far as given, then the position, then the limit.
fn statement(query: &Query, part: Part) -> String {
    let given =
        [("status", query.status.is_some()), ("codec", query.codec.is_some()), ("arm", query.arm.is_some())];
    let filters: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect();
    let value =
        |filter: &str| if filter == "codec" { "(SELECT number FROM codecs WHERE source = ?)" } else { "?" };
    let conditions: Vec<String> =
        filters.iter().map(|filter| format!("{filter} = {} AND ", value(filter))).collect();
    let conditions = conditions.concat();
    let (name, key) = match query.order {
        Order::Newest | Order::Oldest => ("number", None),
        Order::Best => ("best", Some("bd_rate")),
        Order::Cheapest => ("cheapest", Some("decode_fuel")),
    };
    let index = match (filters.is_empty(), key) {
        (true, None) => "NOT INDEXED".to_owned(),
        (true, Some(_)) => format!("INDEXED BY by_{name}"),
        (false, _) => format!("INDEXED BY by_{name}_{}", filters.join("_")),
    };
    let (columns, bound, sorted) = match (query.order, key) {
        (_, Some(key)) => {
            let after =
                if part == Part::Ties { format!("{key} = ? AND number > ?") } else { format!("{key} > ?") };
            (key.to_owned(), format!("{key} IS NOT NULL AND {after}"), format!("{key}, number"))
        }
        (Order::Newest, None) => ("0.0".to_owned(), "number < ?".to_owned(), "number DESC".to_owned()),
        (_, None) => ("0.0".to_owned(), "number > ?".to_owned(), "number".to_owned()),
    };
    format!(
        "SELECT {columns}, number, summary FROM experiments {index} WHERE {conditions}{bound} ORDER BY {sorted} LIMIT ?"
    )
}

fn values(query: &Query, part: Part, after: Position, limit: i64) -> Vec<Value> {
    let mut values = Vec::with_capacity(6);
    values.extend(query.status.map(|status| Value::Integer(rows::status_code(status))));
    values.extend(query.codec.map(|codec| Value::Text(codec.to_string())));
    values.extend(query.arm.map(|arm| Value::Integer(rows::arm_code(arm))));
    let keyed = matches!(query.order, Order::Best | Order::Cheapest);
    if keyed {
        values.push(Value::Real(after.key));
    }
    if !keyed || part == Part::Ties {
        values.push(Value::Integer(after.number));
    }
    values.push(Value::Integer(limit));
    values
}

pub(crate) fn list(connection: &Connection, query: &Query) -> Result<Page, Fail> {
    let after = match &query.cursor {
        None => Position::start(query.order),
        Some(text) => {
            Position::read(text, query.order).ok_or_else(|| Error::Cursor(text.chars().take(80).collect()))?
        }
    };
    let limit = query.limit.clamp(1, Query::MAX_LIMIT) as usize;
    let (mut experiments, mut last) = (Vec::with_capacity(limit), after);
    for part in parts(query) {
        let mut statement = connection.prepare_cached(&statement(query, *part))?;
        // One row more than the page has says whether there is another page.
        let wanted = (limit - experiments.len() + 1) as i64;
        let mut found = statement.query(params_from_iter(values(query, *part, after, wanted)))?;
        while let Some(row) = found.next()? {
            if experiments.len() == limit {
                return Ok(Page { experiments, next: Some(last.write()) });
            }
            let number: i64 = row.get(1)?;
            last = Position { order: query.order, key: row.get(0)?, number };
            let text = row.get_ref(2)?.as_str().map_err(|error| rows::damaged("a summary", &error))?;
            let what = || format!("the summary of experiment number {number}");
            experiments.push(rows::read_json::<Summary>(what, text)?);
        }
    }
    Ok(Page { experiments, next: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::{Arm, Digest, Status};

    fn combinations() -> Vec<Query> {
        let mut all = Vec::new();
        for order in [Order::Newest, Order::Oldest, Order::Best, Order::Cheapest] {
            for mask in 0..8 {
                all.push(Query {
                    status: (mask & 1 != 0).then_some(Status::Successful),
                    codec: (mask & 2 != 0).then_some(Digest::of(b"codec")),
                    arm: (mask & 4 != 0).then_some(Arm::Search),
                    order,
                    ..Query::default()
                });
            }
        }
        all
    }

    #[test]
    fn every_list_is_a_search_in_an_index_that_neither_scans_nor_sorts() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrations().to_latest(&mut connection).unwrap();
        for (query, part) in
            combinations().into_iter().flat_map(|query| [(query.clone(), Part::Ties), (query, Part::Beyond)])
        {
            let sql = statement(&query, part);
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let values = values(&query, part, Position::start(query.order), 51);
            let plan: Vec<String> = explain
                .query_map(params_from_iter(values), |row| row.get(3))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            // SQLite calls the number by this name where it is the key of the table itself.
            let plan = plan.join("\n").replace("rowid", "number");
            assert!(plan.contains("SEARCH experiments USING"), "{sql}\n{plan}");
            assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
            // The whole position is a bound, so that rows before it are not read.
            let bounds: &[&str] = match (query.order, part) {
                (Order::Newest, _) => &["number<?"],
                (Order::Oldest, _) => &["number>?"],
                (Order::Best, Part::Ties) => &["bd_rate=?", "number>?"],
                (Order::Best, Part::Beyond) => &["bd_rate>?"],
                (Order::Cheapest, Part::Ties) => &["decode_fuel=?", "number>?"],
                (Order::Cheapest, Part::Beyond) => &["decode_fuel>?"],
            };
            assert!(bounds.iter().all(|bound| plan.contains(bound)), "{sql}\n{plan}");
        }
    }

    #[test]
    fn a_cursor_is_read_only_in_the_order_it_was_made_for() {
        let position = Position { order: Order::Best, key: -12.5, number: 7 };
        assert_eq!(Position::read(&position.write(), Order::Best), Some(position));
        assert_eq!(Position::read(&position.write(), Order::Cheapest), None);
        for wrong in ["", "A", "n", "////////////////////////", &"A".repeat(10_000), "bgAAAA\0"] {
            assert_eq!(Position::read(wrong, Order::Newest), None, "{wrong:.40}");
        }
        let infinite = Position { key: f64::INFINITY, ..position };
        assert_eq!(Position::read(&infinite.write(), Order::Best), None);
    }
}
