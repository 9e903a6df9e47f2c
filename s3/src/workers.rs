//! A few things at once, never more.

use std::cell::{Cell, RefCell};
use std::future::Future;

use futures_util::future::try_join_all;

use crate::error::Error;
use crate::output;
use crate::store::Store;

/// Requests under way at the same time. More bring little on the lines that servers have, and cost memory.
pub(crate) const WORKERS: usize = 4;

/// Does the work for each item, a few at a time; the first error ends it.
pub(crate) async fn for_each<T, F, E>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> F) -> Result<(), E>
where
    F: Future<Output = Result<(), E>>,
{
    let items = RefCell::new(items.into_iter());
    let next = || items.borrow_mut().next();
    let worker = || async {
        while let Some(item) = next() {
            work(item).await?;
        }
        Ok(())
    };
    try_join_all((0..WORKERS).map(|_| worker())).await?;
    Ok(())
}

/// An error of one file is reported and counted, and does not stop the others; one that all of them would meet ends the
/// run.
pub(crate) fn go_on_after(outcome: Result<(), Error>, store: &Store, failed: &Cell<usize>) -> Result<(), Error> {
    match outcome {
        Err(error) if !error.concerns_all_files() => {
            store.progress.clear();
            output::error(&error);
            failed.set(failed.get() + 1);
            Ok(())
        }
        outcome => outcome,
    }
}
