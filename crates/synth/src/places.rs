//! Where people live: postcodes in real forms over several areas, with the practice, hospital, LSOA and deprivation of each.
//!
//! A place is an index; near indexes are near places. About forty people share a postcode, and one postcode in a thousand is
//! communal: a care home, a prison or a hall of residence.

use crate::draw::{Draw, mix};

/// People a postcode, on average.
const PEOPLE_PER_POSTCODE: u32 = 40;
/// Postcodes an LSOA: about 1,500 people.
const POSTCODES_PER_LSOA: u32 = 37;
const PEOPLE_PER_PRACTICE: u32 = 7_500;
const PEOPLE_PER_HOSPITAL: u32 = 60_000;

/// Areas with their number of districts; a letter ends the districts of central London.
const AREAS: [(&str, u32); 24] = [
    ("LS", 29),
    ("B", 45),
    ("SW", 20),
    ("M", 35),
    ("PE", 36),
    ("N", 22),
    ("BD", 24),
    ("EX", 39),
    ("S", 26),
    ("NE", 49),
    ("CR", 9),
    ("TN", 40),
    ("L", 40),
    ("W1", 0),
    ("DE", 24),
    ("GL", 20),
    ("NR", 35),
    ("OX", 18),
    ("EC1", 0),
    ("CA", 28),
    ("PO", 41),
    ("HU", 20),
    ("WV", 16),
    ("ST", 21),
];
/// The letters that end a postcode: C, I, K, M, O and V are not used.
const UNIT: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";

/// A postcode as text, at most eight characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PostcodeText {
    bytes: [u8; 8],
    len: u8,
}

impl PostcodeText {
    pub(crate) const NONE: Self = Self { bytes: [0; 8], len: 0 };

    pub(crate) fn new(text: &[u8]) -> Self {
        let len = text.len().min(8);
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(&text[..len]);
        Self { bytes, len: len as u8 }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The kinds of communal address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Communal {
    CareHome,
    Prison,
    Hall,
}

/// All the places of a population.
pub(crate) struct Places {
    postcodes: Vec<PostcodeText>,
    communal: u32,
    practices: u16,
    hospitals: u16,
    seed: u64,
}

impl Places {
    pub(crate) fn new(people: u32, seed: u64) -> Self {
        let count = (people / PEOPLE_PER_POSTCODE).max(8);
        let areas = ((f64::from(count)).sqrt() / 8.0).clamp(2.0, AREAS.len() as f64) as u32;
        Self {
            postcodes: (0..count).map(|index| postcode(index, count, areas)).collect(),
            communal: (count / 1000).max(3),
            practices: (people / PEOPLE_PER_PRACTICE).clamp(3, 9_000) as u16,
            hospitals: (people / PEOPLE_PER_HOSPITAL).clamp(4, 150) as u16,
            seed,
        }
    }

    fn count(&self) -> u32 {
        self.postcodes.len() as u32
    }

    pub(crate) fn postcode(&self, place: u32) -> PostcodeText {
        self.postcodes[place as usize]
    }

    /// Any private address.
    pub(crate) fn anywhere(&self, draw: &mut Draw) -> u32 {
        let place = draw.below(self.count());
        // Communal places are the multiples of their spacing.
        if self.kind(place).is_some() { (place + 1) % self.count() } else { place }
    }

    /// An address that somebody living at `place` might move to or have come from.
    pub(crate) fn move_from(&self, place: u32, draw: &mut Draw) -> u32 {
        let reach = draw.weighted(&[(45, 20), (35, 400), (20, self.count())]).clamp(1, self.count() - 1);
        let moved = (place + self.count() + 1 + draw.below(2 * reach) - reach) % self.count();
        if moved == place || self.kind(moved).is_some() { (moved + 1) % self.count() } else { moved }
    }

    /// A communal address and its kind.
    pub(crate) fn communal(&self, draw: &mut Draw) -> (u32, Communal) {
        let nth = draw.below(self.communal);
        (nth * (self.count() / self.communal), kind_of(nth))
    }

    fn kind(&self, place: u32) -> Option<Communal> {
        let spacing = self.count() / self.communal;
        let nth = place / spacing;
        (place.is_multiple_of(spacing) && nth < self.communal).then(|| kind_of(nth))
    }

    pub(crate) fn lsoa(&self, place: u32) -> u32 {
        1_000_000 + (mix(self.seed) % 20_000) as u32 + place / POSTCODES_PER_LSOA
    }

    /// The decile of deprivation, 1 the most deprived: neighbouring areas are alike.
    pub(crate) fn deprivation(&self, place: u32) -> u8 {
        let area = u64::from(place / POSTCODES_PER_LSOA);
        let wider = mix(self.seed ^ (area / 6) << 20) % 10;
        let own = mix(self.seed ^ area) % 5;
        ((wider + own) as u8).saturating_sub(2).min(9) + 1
    }

    pub(crate) fn practices(&self) -> u16 {
        self.practices
    }

    /// The practice of most people at a place; each overlaps with its neighbours.
    pub(crate) fn practice(&self, place: u32, draw: &mut Draw) -> u16 {
        let own = u64::from(place) * u64::from(self.practices) / u64::from(self.count());
        let step = draw.weighted(&[(60, 0), (20, 1), (20, self.practices - 1)]);
        ((own as u16) + step) % self.practices
    }

    pub(crate) fn hospitals(&self) -> u16 {
        self.hospitals
    }

    /// The hospital of the district.
    pub(crate) fn hospital(&self, place: u32) -> u16 {
        (u64::from(place) * u64::from(self.hospitals) / u64::from(self.count())) as u16
    }
}

const fn kind_of(nth: u32) -> Communal {
    match nth % 5 {
        1 => Communal::Prison,
        2 => Communal::Hall,
        _ => Communal::CareHome,
    }
}

/// The postcode at an index: areas, districts and sectors follow one another, units take every other letter pair.
fn postcode(index: u32, count: u32, areas: u32) -> PostcodeText {
    let per_area = count.div_ceil(areas);
    let (area, within) = ((index / per_area) as usize, index % per_area);
    let (letters, districts) = AREAS[area];
    let used = if districts == 0 { 12 } else { districts.min(per_area.div_ceil(60)) };
    let per_district = per_area.div_ceil(used);
    let (district, in_district) = (within / per_district, within % per_district);
    // A district has up to ten sectors of 400 units; small populations use few of them.
    let sectors = per_district.div_ceil(40).clamp(1, 10);
    let per_sector = per_district.div_ceil(sectors);
    let (sector, unit) = (in_district / per_sector, in_district % per_sector);
    let unit = (unit * if per_sector < 190 { 2 } else { 1 }) % 400;
    let mut text = letters.as_bytes().to_vec();
    if districts == 0 {
        text.push(b"ABDEFGHJNPRT"[district as usize % 12]);
    } else {
        text.extend_from_slice((district + 1).to_string().as_bytes());
    }
    text.extend_from_slice(&[b' ', b'0' + (sector as u8 + 1) % 10]);
    text.extend_from_slice(&[UNIT[unit as usize / 20], UNIT[unit as usize % 20]]);
    PostcodeText::new(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use caredata_model::Postcode;
    use std::collections::HashSet;

    #[test]
    fn every_postcode_is_real_in_form_and_its_own() {
        for people in [400, 100_000, 2_000_000] {
            let places = Places::new(people, 1);
            let mut seen = HashSet::new();
            for postcode in &places.postcodes {
                let text = postcode.as_bytes().to_vec();
                assert!(Postcode::parse_bytes(&text).is_ok());
                assert!(seen.insert(text));
            }
        }
    }

    #[test]
    fn the_areas_of_a_million_people_are_many() {
        let places = Places::new(1_000_000, 1);
        let areas: HashSet<u64> = places
            .postcodes
            .iter()
            .filter_map(|postcode| Postcode::parse_bytes(postcode.as_bytes()).ok().map(Postcode::area))
            .collect();
        assert!(areas.len() >= 12, "{} areas", areas.len());
    }
}
