//! Bars made of characters, and columns of text, for terminals.
//!
//! Numbers -> text of a fixed width. Invariant: a bar from one place to another fills the cells between, at least one.

/// A scale of so many cells from the least to the largest value.
#[derive(Clone, Copy)]
pub struct Scale {
    least: f64,
    most: f64,
    cells: usize,
}

impl Scale {
    pub fn new(values: impl IntoIterator<Item = f64>, cells: usize) -> Self {
        let (least, most) =
            values.into_iter().fold((0.0, 0.0), |(least, most): (f64, f64), value| (least.min(value), most.max(value)));
        Self { least, most, cells }
    }

    fn cell(self, value: f64) -> usize {
        let share = (value - self.least) / (self.most - self.least).max(1e-9);
        ((share * self.cells as f64).round() as usize).min(self.cells)
    }

    /// A bar from one value to another: full where it rises, hatched where it falls, a dot where it stays; with a mark at nought.
    pub fn bar(self, from: f64, to: f64) -> String {
        let (left, right) = (self.cell(from.min(to)), self.cell(from.max(to)));
        let (left, right) =
            if left == right { (left.min(self.cells - 1), left.min(self.cells - 1) + 1) } else { (left, right) };
        let fill = if (to - from).abs() < 0.05 {
            '·'
        } else if to < from {
            '░'
        } else {
            '█'
        };
        let zero = self.cell(0.0).min(self.cells - 1);
        (0..self.cells)
            .map(|cell| {
                if (left..right).contains(&cell) {
                    fill
                } else if cell == zero {
                    '│'
                } else {
                    ' '
                }
            })
            .collect()
    }
}

/// A text filled up to a width, on the right.
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.chars().count())))
}

/// A text filled up to a width, on the left.
pub fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.chars().count())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_lie_between_their_values() {
        let scale = Scale::new([-10.0, 10.0], 10);
        assert_eq!(scale.bar(0.0, -10.0), "░░░░░│    ");
        assert_eq!(scale.bar(-10.0, 10.0), "██████████");
        assert_eq!(scale.bar(4.0, 4.0), "     │ ·  ");
        assert_eq!((left("é", 3), right("é", 3)), ("é  ".to_owned(), "  é".to_owned()));
    }
}
