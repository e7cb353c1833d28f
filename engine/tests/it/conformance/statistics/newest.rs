//! Operations of the newest module of the reference (section 10).

use abduck::error::Result;
use serde_json::Value;

/// Runs an operation of this file; `None` when it is none.
pub(super) fn run(_method: &str, _inputs: &Value) -> Option<Result<Value>> {
    None
}
