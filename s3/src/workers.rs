//! A few things at once, never more.

use std::cell::RefCell;
use std::future::Future;

use futures_util::future::try_join_all;

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
