//! Nobody but the register's answer makes a permission.
use caredata_deidentify::{Linked, Permitted};

fn permit(linked: Linked) -> Permitted<Linked> {
    Permitted(linked)
}

fn main() {}
