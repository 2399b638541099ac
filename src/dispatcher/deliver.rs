//! Delivers one notification by its channel, and mails reports.

use super::{Desk, Dispatcher};
use crate::notify::{Delivered, Delivery, NotDelivered, Posting};
use crate::quota::{Channel, Notification};
use crate::store::{Entry, StoreError};

impl Dispatcher {
    pub(super) async fn notify(
        &self,
        desk: &Desk,
        entry: &Entry,
        channel: Channel,
        notification: &Notification,
    ) -> Result<(), StoreError> {
        let panel = desk.panels.get(&notification.account.backend);
        // Where WHMCS has sent its services, the mail need not ask for the service by its name.
        let sold = self.inner.store.service_of(&notification.account).await?;
        let server = panel.and_then(|panel| panel.whmcs_server);
        let list = match server {
            Some(server) => self.inner.store.services(server).await?,
            None => None,
        };
        let unit = list.as_ref().zip(sold).and_then(|(list, sold)| list.services.by_id(sold)?.unit);
        let delivery = Delivery {
            notification,
            key: &entry.key,
            kind: panel.map_or("", |panel| panel.kind.name),
            limit_template: panel.and_then(|panel| panel.kind.limit_template),
            server: panel.and_then(|panel| u32::try_from(panel.whmcs_server?).ok()),
            service: sold.and_then(|service| u64::try_from(service).ok()),
            product: notification.address.product.as_deref(),
            unit,
            now: self.now(),
            tried_at: entry.tried_at,
        };
        self.came_of(entry, desk.channels.deliver(channel, &delivery).await).await
    }

    /// Mails the report that is kept under the entry's key.
    pub(super) async fn report(&self, desk: &Desk, entry: &Entry, to: &[String]) -> Result<(), StoreError> {
        let Some(report) = self.inner.store.staff_report(&entry.key).await? else {
            return self
                .give_up(entry, "its text is kept no more: `whmeter report --mail` makes one of now")
                .await;
        };
        let posting = Posting { mail: &report.mail, to, key: &entry.key, now: self.now() };
        self.came_of(entry, desk.channels.post(&posting).await).await
    }

    /// Writes down what came of an attempt.
    async fn came_of(
        &self,
        entry: &Entry,
        outcome: Result<Delivered, NotDelivered>,
    ) -> Result<(), StoreError> {
        let channel = entry.promise.channel();
        match outcome {
            Ok(delivered) => {
                if self.inner.store.delivered(entry, &delivered.answer, self.now()).await? {
                    self.inner.telemetry.delivery(channel, "delivered");
                    tracing::info!(channel, key = entry.key, attempt = entry.attempts, "delivered");
                }
                Ok(())
            }
            Err(NotDelivered::Later { why, after }) => self.failed(entry, &why, after, false).await,
            Err(NotDelivered::Unknown { why }) => self.failed(entry, &why, None, true).await,
            Err(NotDelivered::Never { why }) => self.give_up(entry, &why).await,
        }
    }
}
