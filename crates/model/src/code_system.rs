//! The code systems of GP journals.

use std::fmt;

/// A clinical code system, as the column `code_system` of a journal names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CodeSystem {
    /// Read version 2, five-byte codes, with or without the trailing dot or a term code.
    Read2,
    /// Clinical Terms Version 3.
    Ctv3,
    /// SNOMED CT concept ids.
    Snomed,
    /// Dictionary of medicines and devices.
    Dmd,
}

impl CodeSystem {
    /// All of them, in the order of their names in a journal.
    pub const ALL: [Self; 4] = [Self::Read2, Self::Ctv3, Self::Snomed, Self::Dmd];

    /// Reads the name that a journal uses: `read2`, `ctv3`, `snomed` or `dmd`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|system| system.name() == text)
    }

    /// The name that a journal uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read2 => "read2",
            Self::Ctv3 => "ctv3",
            Self::Snomed => "snomed",
            Self::Dmd => "dmd",
        }
    }

    /// The code as code sets list it: a Read v2 code cut to its five bytes and its trailing dots dropped, any other as it
    /// is. `9Nu0.`, `9Nu0` and `9Nu0.00` are one code.
    pub fn normalise(self, code: &str) -> &str {
        match self {
            Self::Read2 => code.get(..5).unwrap_or(code).trim_end_matches('.'),
            Self::Ctv3 | Self::Snomed | Self::Dmd => code,
        }
    }
}

impl fmt::Display for CodeSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_codes_are_one_code_however_written() {
        for code in ["9Nu0.", "9Nu0", "9Nu0.00", "9Nu0.11"] {
            assert_eq!(CodeSystem::Read2.normalise(code), "9Nu0");
        }
        assert_eq!(CodeSystem::Ctv3.normalise("XaZ89"), "XaZ89");
    }

    #[test]
    fn names_go_there_and_back() {
        for system in CodeSystem::ALL {
            assert_eq!(CodeSystem::parse(system.name()), Some(system));
        }
        assert_eq!(CodeSystem::parse("icd10"), None);
    }
}
