//! The table: reads, conditional writes and transactions, each bounded in time and tries, with one way to report errors.
//!
//! Every read that a page can show is strongly consistent. A page is kept under the revision that was read *before* its
//! content; a stale read of the content would be kept under a revision that is newer than it, for as long as nothing else
//! changes. That is why the lists are items of this table, written in the transaction that changes the experiment, and
//! not global secondary indexes: those are updated later, and cannot be read consistently.

pub(crate) mod item;
pub(crate) mod key;
mod transaction;
mod turns;

pub(crate) use item::Item;
pub(crate) use key::Key;
pub(crate) use transaction::{Condition, Edit, Transaction};
pub(crate) use turns::Turns;

use crate::sdk::failed;
use aiv1_store::Error;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnValue, Select};
use futures_util::future::try_join_all;
use item::{PARTITION, SORT, attributes, number, text};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use transaction::EditParts;

/// Keys of one `BatchGetItem`: what the service admits.
const BATCH: usize = 100;

/// A transaction was not made for one of these reasons: somebody else was first, or the service is busy. Worth another
/// look and another try; anything else would fail again.
const AGAIN: [&str; 4] =
    ["ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// The attribute that changes with every change of an item, so that a write can be conditional on what was read. It is the
/// token of the transaction that wrote it.
pub(crate) const MARK: &str = "mark";
/// The attribute of what is kept whole, as JSON.
pub(crate) const DOCUMENT: &str = "document";
/// The attribute that counts changes.
pub(crate) const REVISION: &str = "revision";

/// One table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    client: Client,
    name: String,
    reads: Arc<AtomicU64>,
}

/// A stretch of a partition.
#[derive(Clone, Debug)]
pub(crate) struct Stretch<'a> {
    pub(crate) partition: &'a str,
    /// The least sort key.
    pub(crate) from: u128,
    /// The greatest.
    pub(crate) to: u128,
    /// From the greatest down.
    pub(crate) backwards: bool,
    /// Most items.
    pub(crate) limit: usize,
}

impl<'a> Stretch<'a> {
    /// All of a partition, in order.
    pub(crate) const fn whole(partition: &'a str, limit: usize) -> Self {
        Self { partition, from: 0, to: key::MAX_SORT, backwards: false, limit }
    }

    /// What lies at `to` or before, in order.
    pub(crate) const fn until(partition: &'a str, to: u128, limit: usize) -> Self {
        Self { partition, from: 0, to, backwards: false, limit }
    }

    /// The other way round.
    pub(crate) const fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }
}

impl Table {
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name, reads: Arc::default() }
    }

    /// How often it was read: requests, tries not counted.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// One item.
    pub(crate) async fn get(&self, action: &'static str, key: &Key) -> Result<Option<Item>, Error> {
        self.count_read();
        let request = self.client.get_item().table_name(&self.name).set_key(Some(attributes(key)));
        let answer = Box::pin(request.consistent_read(true).send()).await.map_err(failed(action))?;
        Ok(answer.item.map(Item))
    }

    /// The items that are there, by key, in as few requests as it takes.
    pub(crate) async fn get_all(
        &self,
        action: &'static str,
        mut keys: Vec<Key>,
    ) -> Result<HashMap<Key, Item>, Error> {
        keys.sort();
        keys.dedup();
        let batches = keys.chunks(BATCH).map(|keys| self.get_batch(action, keys));
        let found = try_join_all(batches).await?;
        found.into_iter().flatten().map(|item| Ok((item.key()?, item))).collect()
    }

    async fn get_batch(&self, action: &'static str, keys: &[Key]) -> Result<Vec<Item>, Error> {
        let (mut found, mut turns) = (Vec::with_capacity(keys.len()), Turns::new(action));
        let mut wanted: Vec<_> = keys.iter().map(attributes).collect();
        loop {
            let keys = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true);
            let keys = keys.build().map_err(Error::backend(action))?;
            self.count_read();
            let request = self.client.batch_get_item().request_items(&self.name, keys);
            let answer = Box::pin(request.send()).await.map_err(failed(action))?;
            found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items).map(Item));
            // What the service had no capacity for, or no room in the answer.
            let left = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, left)| left.keys);
            wanted = left.collect();
            if wanted.is_empty() {
                return Ok(found);
            }
            turns.next().await?;
        }
    }

    /// Items of a stretch, in its order.
    pub(crate) async fn query(&self, action: &'static str, stretch: Stretch<'_>) -> Result<Vec<Item>, Error> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let left = stretch.limit.saturating_sub(found.len());
            let request =
                self.stretch(&stretch).consistent_read(true).limit(i32::try_from(left).unwrap_or(i32::MAX));
            let request = request.set_exclusive_start_key(after);
            // Boxed: what an SDK call keeps between its steps is large, and some reads run side by side.
            let answer = Box::pin(request.send()).await.map_err(failed(action))?;
            found.extend(answer.items.into_iter().flatten().map(Item));
            after = answer.last_evaluated_key;
            if after.is_none() || found.len() >= stretch.limit {
                return Ok(found);
            }
        }
    }

    /// How many items a partition has, counted up to `most`.
    pub(crate) async fn count(
        &self,
        action: &'static str,
        partition: &str,
        most: usize,
    ) -> Result<u64, Error> {
        let request =
            self.stretch(&Stretch::whole(partition, most)).consistent_read(true).select(Select::Count);
        // The items are small: these few are never more than one page of an answer.
        let request = request.limit(i32::try_from(most).unwrap_or(i32::MAX));
        let answer = Box::pin(request.send()).await.map_err(failed(action))?;
        Ok(u64::try_from(answer.count).unwrap_or(0))
    }

    /// Whether a stretch has anything, as far as any replica knows: for those who look again soon. Half the price.
    pub(crate) async fn has_any(&self, action: &'static str, stretch: Stretch<'_>) -> Result<bool, Error> {
        let request = self.stretch(&stretch).limit(1).select(Select::Count);
        Ok(Box::pin(request.send()).await.map_err(failed(action))?.count > 0)
    }

    fn stretch(
        &self,
        stretch: &Stretch<'_>,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.count_read();
        let request = self.client.query().table_name(&self.name).scan_index_forward(!stretch.backwards);
        let request =
            request.key_condition_expression("#partition = :partition AND #sort BETWEEN :from AND :to");
        let request = request.expression_attribute_names("#partition", PARTITION);
        let request = request.expression_attribute_names("#sort", SORT);
        let request = request.expression_attribute_values(":partition", text(stretch.partition));
        let request = request.expression_attribute_values(":from", number(stretch.from));
        request.expression_attribute_values(":to", number(stretch.to))
    }

    /// Puts an item, whatever was there.
    pub(crate) async fn put(&self, action: &'static str, item: Item) -> Result<(), Error> {
        let request = self.client.put_item().table_name(&self.name).set_item(Some(item.0));
        Box::pin(request.send()).await.map(drop).map_err(failed(action))
    }

    /// Edits one item; how it is now, or `None` if the edit's condition does not hold.
    pub(crate) async fn update(
        &self,
        action: &'static str,
        key: &Key,
        edit: Edit,
    ) -> Result<Option<Item>, Error> {
        let EditParts { expression, condition, names, values } = edit.parts();
        let mut turns = Turns::new(action);
        loop {
            let request = self.client.update_item().table_name(&self.name).set_key(Some(attributes(key)));
            let request = request.update_expression(&expression).set_condition_expression(condition.clone());
            let request = request.set_expression_attribute_names(Some(names.clone()));
            let values = (!values.is_empty()).then(|| values.clone());
            let request = request.set_expression_attribute_values(values).return_values(ReturnValue::AllNew);
            let error = match Box::pin(request.send()).await {
                Ok(answer) => return Ok(answer.attributes.map(Item)),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(refused) if refused.is_conditional_check_failed_exception() => return Ok(None),
                // A transaction has the item in hand.
                Some(busy) if busy.is_transaction_conflict_exception() => turns.next().await?,
                _ => return Err(failed(action)(error)),
            }
        }
    }

    /// Makes all changes, or none: `false` if somebody else was first, or the service had no room. The token makes it
    /// one transaction however often the request is sent, so that one whose answer was lost is not made twice.
    pub(crate) async fn commit(
        &self,
        action: &'static str,
        token: &str,
        transaction: Transaction,
    ) -> Result<bool, Error> {
        let changes = transaction.build(&self.name).map_err(Error::backend(action))?;
        let request = self.client.transact_write_items().set_transact_items(Some(changes));
        let Err(error) = Box::pin(request.client_request_token(token).send()).await else { return Ok(true) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
                let mut telling = reasons.filter(|reason| *reason != "None").peekable();
                let again = telling.peek().is_some() && telling.all(|reason| AGAIN.contains(&reason));
                if again { Ok(false) } else { Err(failed(action)(error)) }
            }
            _ => Err(failed(action)(error)),
        }
    }

    /// [`Self::commit`] of a transaction that marks the item `marked` with its token. If the answer was lost, and the SDK's
    /// next try met a conflict or nobody at all, the mark tells that it was made.
    pub(crate) async fn commit_marked(
        &self,
        action: &'static str,
        token: &str,
        transaction: Transaction,
        marked: &Key,
    ) -> Result<bool, Error> {
        let made = self.commit(action, token, transaction).await;
        if let Ok(true) = made {
            return made;
        }
        match self.get(action, marked).await {
            Ok(Some(item)) if item.find_text(MARK).is_ok_and(|mark| mark == Some(token)) => Ok(true),
            _ => made,
        }
    }

    /// Makes the table with the keys that `template.yaml` gives it, without its TTL: for tests and emulators.
    pub(crate) async fn create(&self) -> Result<(), Error> {
        use aws_sdk_dynamodb::types::{
            AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        };
        let action = "make a table";
        let mut request =
            self.client.create_table().table_name(&self.name).billing_mode(BillingMode::PayPerRequest);
        for (name, kind, place) in [
            (PARTITION, ScalarAttributeType::S, KeyType::Hash),
            (SORT, ScalarAttributeType::N, KeyType::Range),
        ] {
            let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
            let element = KeySchemaElement::builder().attribute_name(name).key_type(place).build();
            request = request.attribute_definitions(definition.map_err(Error::backend(action))?);
            request = request.key_schema(element.map_err(Error::backend(action))?);
        }
        request.send().await.map(drop).map_err(failed(action))
    }
}

/// The number of an attribute that nobody else will choose: the token of a transaction and the mark of what it wrote.
pub(crate) fn token() -> String {
    format!("{:032x}", fastrand::u128(..))
}
