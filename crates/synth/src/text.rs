//! Rows of CSV as bytes: values in, one growing buffer out. Nothing that is written here ever needs quotes.

use caredata_model::Day;

/// A buffer of CSV rows.
#[derive(Default)]
pub(crate) struct Rows(Vec<u8>);

impl Rows {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A field and the comma after it.
    pub(crate) fn field(&mut self, text: &[u8]) -> &mut Self {
        self.0.extend_from_slice(text);
        self.0.push(b',');
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.field(text.as_bytes())
    }

    pub(crate) fn number(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.0.push(b',');
        self
    }

    /// A number of tenths as a decimal with one place.
    pub(crate) fn tenths(&mut self, tenths: i32) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(tenths / 10).as_bytes());
        self.0.extend_from_slice(&[b'.', b'0' + (tenths % 10).unsigned_abs() as u8, b',']);
        self
    }

    pub(crate) fn day(&mut self, day: i32) -> &mut Self {
        self.0.extend_from_slice(&day_text(day));
        self.0.push(b',');
        self
    }

    pub(crate) fn maybe_day(&mut self, day: Option<i32>) -> &mut Self {
        match day {
            Some(day) => self.day(day),
            None => self.empty(),
        }
    }

    pub(crate) fn empty(&mut self) -> &mut Self {
        self.0.push(b',');
        self
    }

    /// Ends the row: the last comma becomes the newline.
    pub(crate) fn end(&mut self) {
        if let Some(last) = self.0.last_mut() {
            *last = b'\n';
        }
    }

    /// Takes the rows of another buffer, in the order given by their ranges.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// `YYYY-MM-DD` of days since 1970-01-01.
pub(crate) fn day_text(day: i32) -> [u8; 10] {
    let (year, month, date) = civil(day);
    let digit = |number: u32, power: u32| b'0' + (number / power % 10) as u8;
    let year = year.unsigned_abs();
    [
        digit(year, 1000),
        digit(year, 100),
        digit(year, 10),
        digit(year, 1),
        b'-',
        digit(month, 10),
        digit(month, 1),
        b'-',
        digit(date, 10),
        digit(date, 1),
    ]
}

/// Year, month and day of the month of days since 1970-01-01.
pub(crate) fn civil(day: i32) -> (i32, u32, u32) {
    Day::from_days_since_1970(day).map_or((1970, 1, 1), Day::civil)
}
