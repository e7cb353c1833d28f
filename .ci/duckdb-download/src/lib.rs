//! Empty: building its dependency is the point.
