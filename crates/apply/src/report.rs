//! One step of either kind, as the closing report has it.

pub(crate) mod repair;
pub(crate) mod resync;
