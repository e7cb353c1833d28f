//! Tables that are no events.

use crate::support::Place;

#[test]
fn tables_are_loaded_listed_and_dropped() {
    let lab = Place::lab();
    assert_eq!(lab.json("table list"), serde_json::json!([]));
    lab.write("payments.csv", "customer,paid_at,amount\nc1,2026-03-01,3\nc2,soon,4\n");
    let loaded = lab.abduck("table load payments payments.csv --timestamp paid_at");
    assert_eq!(loaded.exit, 0, "{loaded}");
    assert!(loaded.stderr.contains("the time of 1 rows cannot be read"), "{loaded}");
    let again = lab.json("table load payments payments.csv");
    assert_eq!((again["replaced"].as_bool(), again["table"]["rows"].as_u64()), (Some(true), Some(2)));
    assert!(lab.succeeds("table list").contains("customer, paid_at, amount"));
    assert_eq!(lab.json("table drop payments")["dropped"], "payments");
    assert_eq!(lab.abduck("table drop payments").exit, lab.abduck("experiment show nothing").exit);
}
