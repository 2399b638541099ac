//! What a panel itself says is stored on it, against the sum of its accounts.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::Side;
use crate::domain::{Bytes, Meter, ServerTotal};
use crate::standing::Moment;

/// One line per backend: `differs`, `same`, or why it is unknown.
pub(super) fn totals<'a>(sides: &'a [Side], moment: &Moment) -> Vec<Finding<'a>> {
    let line = |side: &'a Side| match compared(side, moment) {
        Err(why) => Finding::unknown(side, FindingKind::Totals, why),
        Ok((sum, total)) => {
            let difference = total.stored.as_i64() - sum.as_i64();
            Finding {
                meter: Some(Meter::StorageUsed.name()),
                bytes: Some(sum.get()),
                panel_bytes: Some(total.stored.get()),
                difference_bytes: Some(difference),
                at: Some(total.at.to_string()),
                ..Finding::of(side, FindingKind::Totals, if difference == 0 { "same" } else { "differs" })
            }
        }
    };
    sides.iter().map(line).collect()
}

/// The sum of the accounts and the panel's total, where both are known.
fn compared(side: &Side, moment: &Moment) -> Result<(Bytes, ServerTotal), String> {
    let state = side.state.as_ref().ok_or("it was never polled")?;
    let total = state.server_total.ok_or("the panel reports no total of its own")?;
    if !moment.is_fresh(total.at) {
        return Err(format!("the panel's total is of {} and too old", total.at));
    }
    if !side.panel.wants_everybody() {
        return Err("the config leaves accounts out, and the panel's total does not".into());
    }
    let mut sum = Bytes::ZERO;
    for (name, account) in side.present() {
        let level = account.meter(Meter::StorageUsed).and_then(|series| series.known(moment).ok());
        let level = level.ok_or_else(|| format!("what {name} stores is not known now"))?;
        sum = sum.checked_add(level).ok_or("the accounts' sum is more than can be counted")?;
    }
    Ok((sum, total))
}
