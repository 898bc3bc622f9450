//! Keeping a row in hand for as long as something takes.

use std::time::Duration;

use event_queue::{Batch, Claim, EventQueue};
use tokio::time::timeout;

/// For how long a row is ours without a word, and how often the word is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hold {
    pub(crate) lease: Duration,
    pub(crate) extend_after: Duration,
}

impl Hold {
    /// Waits for `work`, and keeps the row of `claim` meanwhile.
    ///
    /// An extension that is refused is not told: the lease is lost then, and so is the right to say how the work ended.
    pub(crate) async fn during<T>(
        self,
        queue: &EventQueue,
        claim: &Claim,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            match timeout(self.extend_after, &mut work).await {
                Ok(done) => return done,
                Err(_) => drop(queue.submit(Batch::new().extend(claim, self.lease)).await),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use event_queue::{Ask, Content, Limits, NewRow, QueueName, RowId};
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_row_stays_in_hand_for_longer_than_its_first_lease() {
        let folder = tempfile::tempdir().unwrap();
        let queue = EventQueue::open(&folder.path().join("events.db"), Limits::default()).unwrap();
        let name = QueueName::parse("q").unwrap();
        let row = NewRow::new(name.clone(), RowId::parse("1").unwrap(), Content::payload("{}"));
        queue.submit(Batch::new().put(row)).await.unwrap();
        let hold = Hold { lease: Duration::from_secs(60), extend_after: Duration::from_millis(1) };
        let ask = Ask { queue: name, rows: 1, span: Duration::from_secs(5) };
        let [leased] = &queue.lease(ask).await.unwrap()[..] else { panic!("one is due") };
        let claim = leased.claim();
        let (done, work) = oneshot::channel();
        let extended = async {
            let reader = queue.reader().unwrap();
            while reader.show(&claim.address).unwrap().unwrap().0.due() == leased.row.due() {
                tokio::task::yield_now().await;
            }
            done.send(7).unwrap();
        };
        let (answer, ()) = tokio::join!(hold.during(&queue, &claim, work), extended);
        assert_eq!(answer, Ok(7));
        queue.submit(Batch::new().succeed(&claim)).await.unwrap();
    }
}
