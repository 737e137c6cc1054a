//! A transaction: several changes that happen together or not at all.

use super::Key;
use super::item::{Item, PARTITION, attributes, number};
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use std::collections::HashMap;
use std::fmt::Display;

/// Changes to make together. At most 100 may be; the largest, an end that is a milestone, has 31.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transaction {
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Put(Item, Option<Condition>),
    Delete(Key),
    Update(Key, Edit),
}

/// What must be true of an item for it to be written.
#[derive(Clone, Debug)]
pub(crate) enum Condition {
    /// It is not there.
    Absent,
    /// An attribute has this value.
    Is(&'static str, AttributeValue),
    /// It is not there, or a number in it is at most this.
    AbsentOrAtMost(&'static str, AttributeValue),
}

impl Condition {
    /// The expression, and its value under `:condition`; the attribute's name is `#condition`.
    fn parts(self) -> (String, Option<(&'static str, AttributeValue)>) {
        match self {
            Self::Absent => (format!("attribute_not_exists({PARTITION})"), None),
            Self::Is(name, value) => ("#condition = :condition".to_owned(), Some((name, value))),
            Self::AbsentOrAtMost(name, value) => (
                format!("attribute_not_exists({PARTITION}) OR #condition <= :condition"),
                Some((name, value)),
            ),
        }
    }
}

/// Changes to some attributes of an item, which is made if it is not there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edit {
    set: Vec<(&'static str, AttributeValue)>,
    add: Vec<(&'static str, AttributeValue)>,
    remove: Vec<&'static str>,
    condition: Option<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Edit {
    /// Sets an attribute.
    pub(crate) fn set(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.set.push((name, value));
        self
    }

    /// Sets an attribute, or removes it.
    pub(crate) fn set_or_remove(self, name: &'static str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self.remove(name),
        }
    }

    /// Adds to a number; what is not there counts as 0.
    pub(crate) fn add(mut self, name: &'static str, value: impl Display) -> Self {
        self.add.push((name, number(value)));
        self
    }

    /// Removes an attribute.
    pub(crate) fn remove(mut self, name: &'static str) -> Self {
        self.remove.push(name);
        self
    }

    /// Only if the attribute has this value, or is not there.
    pub(crate) fn only_if(mut self, name: &'static str, value: Option<AttributeValue>) -> Self {
        let slot = self.names.len();
        self.names.insert(format!("#c{slot}"), name.to_owned());
        let term = match value {
            Some(value) => {
                self.values.insert(format!(":c{slot}"), value);
                format!("#c{slot} = :c{slot}")
            }
            None => format!("attribute_not_exists(#c{slot})"),
        };
        self.condition = Some(match self.condition.take() {
            Some(before) => format!("{before} AND {term}"),
            None => term,
        });
        self
    }

    /// Only if the item is there.
    pub(crate) fn only_if_there(mut self) -> Self {
        let term = format!("attribute_exists({PARTITION})");
        self.condition = Some(match self.condition.take() {
            Some(before) => format!("{before} AND {term}"),
            None => term,
        });
        self
    }

    /// The expression, the condition, and what their names and values stand for.
    pub(crate) fn parts(self) -> EditParts {
        let Self { set, add, remove, condition, mut names, mut values } = self;
        let mut clauses = Vec::new();
        let mut clause =
            |word: &str, mark: char, joint: &str, changes: Vec<(&'static str, AttributeValue)>| {
                let terms: Vec<String> = changes
                    .into_iter()
                    .enumerate()
                    .map(|(slot, (name, value))| {
                        names.insert(format!("#{mark}{slot}"), name.to_owned());
                        values.insert(format!(":{mark}{slot}"), value);
                        format!("#{mark}{slot}{joint}:{mark}{slot}")
                    })
                    .collect();
                if !terms.is_empty() {
                    clauses.push(format!("{word} {}", terms.join(", ")));
                }
            };
        clause("SET", 's', " = ", set);
        clause("ADD", 'a', " ", add);
        let removed: Vec<String> = remove
            .into_iter()
            .enumerate()
            .map(|(slot, name)| {
                names.insert(format!("#r{slot}"), name.to_owned());
                format!("#r{slot}")
            })
            .collect();
        if !removed.is_empty() {
            clauses.push(format!("REMOVE {}", removed.join(", ")));
        }
        EditParts { expression: clauses.join(" "), condition, names, values }
    }
}

/// An [`Edit`] as the service wants it.
#[derive(Debug)]
pub(crate) struct EditParts {
    pub(crate) expression: String,
    pub(crate) condition: Option<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Transaction {
    /// Puts an item, whatever was there.
    pub(crate) fn put(&mut self, item: Item) {
        self.changes.push(Change::Put(item, None));
    }

    /// Puts an item, if the condition holds.
    pub(crate) fn put_if(&mut self, item: Item, condition: Condition) {
        self.changes.push(Change::Put(item, Some(condition)));
    }

    /// Removes an item.
    pub(crate) fn delete(&mut self, key: Key) {
        self.changes.push(Change::Delete(key));
    }

    /// Removes several items.
    pub(crate) fn delete_all(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.changes.extend(keys.into_iter().map(Change::Delete));
    }

    /// Edits an item.
    pub(crate) fn update(&mut self, key: Key, edit: Edit) {
        self.changes.push(Change::Update(key, edit));
    }

    /// The other's changes as well.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
    }

    /// How many changes there are.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.changes.len()
    }

    /// As the service wants it.
    pub(crate) fn build(self, table: &str) -> Result<Vec<TransactWriteItem>, BuildError> {
        self.changes.into_iter().map(|change| change.build(table)).collect()
    }
}

impl Change {
    fn build(self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let item = TransactWriteItem::builder();
        Ok(match self {
            Self::Put(new, condition) => {
                let mut put = Put::builder().table_name(table).set_item(Some(new.0));
                if let Some((expression, value)) = condition.map(Condition::parts) {
                    put = put.condition_expression(expression);
                    if let Some((name, value)) = value {
                        put = put.expression_attribute_names("#condition", name);
                        put = put.expression_attribute_values(":condition", value);
                    }
                }
                item.put(put.build()?)
            }
            Self::Delete(key) => {
                item.delete(Delete::builder().table_name(table).set_key(Some(attributes(&key))).build()?)
            }
            Self::Update(key, edit) => {
                let EditParts { expression, condition, names, values } = edit.parts();
                let update = Update::builder().table_name(table).set_key(Some(attributes(&key)));
                let update = update.update_expression(expression).set_condition_expression(condition);
                let update = update.set_expression_attribute_names(Some(names));
                let values = (!values.is_empty()).then_some(values);
                item.update(update.set_expression_attribute_values(values).build()?)
            }
        }
        .build())
    }
}
