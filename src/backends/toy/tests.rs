//! What the simulated toy does not do: figures that are none, lists that never end.

use super::*;
use crate::backends::kit::testing::Scripted;

const ACCOUNTS: &str = include_str!("testdata/accounts.json");

async fn polled(answer: fn() -> (u16, String)) -> (Harvest, Result<(), BackendError>, usize) {
    let server = Scripted::serve(move |_| answer()).await;
    let panel = Panel::new(Scripted::http(), server.url.clone(), Secret::new("hunter2hunter2".into()));
    let (mut harvest, now) = (Harvest::new(), Timestamp::new(1_795_226_400).expect("in range"));
    let polled = Toy { panel }.poll(&PollRequest::at(now), &mut harvest).await;
    assert!(server.asked().iter().all(|asked| asked.header("authorization") == "Bearer hunter2hunter2"));
    (harvest, polled, server.asked().len())
}

#[tokio::test]
async fn what_is_no_figure_is_named_and_the_rest_is_read() {
    let (harvest, polled, asked) = polled(|| (200, ACCOUNTS.into())).await;
    assert!(polled.is_ok() && asked == 1 && !harvest.is_complete(), "{polled:?}");
    let [good, bad] = ["toy007", "toy008"].map(|name| &harvest.accounts()[name]);
    assert_eq!((good.readings.len(), good.facts.policy), (2, Some(Policy::Standard)));
    assert!(bad.readings.is_empty() && bad.facts.suspended == Some(true) && bad.facts.policy.is_none());
    let details: Vec<&str> = bad.unread.iter().map(|unread| unread.detail.as_str()).collect();
    assert!(details[0].contains("disk_bytes is \"-1\"") && details[1].contains("started"), "{details:?}");
}

#[tokio::test]
async fn a_list_that_ends_early_is_no_list() {
    let (_, polled, asked) = polled(|| (200, r#"{"accounts": [], "total": 3}"#.into())).await;
    assert!(asked == 1 && polled.is_err_and(|error| error.to_string().contains("expected 3")));
}
