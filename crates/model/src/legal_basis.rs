//! The legal basis of a use: both halves, for confidentiality and for data protection.

use std::fmt;

/// What sets the common-law duty of confidentiality aside, or fulfils it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfidentialityBasis {
    /// Section 251 support: COPI regulation 5.
    Section251,
    /// COPI regulation 3: communicable disease and other risks to public health.
    CopiRegulation3,
    /// A direction under section 254 of the Health and Social Care Act 2012.
    Direction254,
    /// A requirement under section 259 of the Health and Social Care Act 2012.
    Requirement259,
    /// The person's explicit consent.
    ExplicitConsent,
    /// An overriding public interest.
    OverridingPublicInterest,
}

impl ConfidentialityBasis {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Section251,
        Self::CopiRegulation3,
        Self::Direction254,
        Self::Requirement259,
        Self::ExplicitConsent,
        Self::OverridingPublicInterest,
    ];

    /// The basis as documents write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Section251 => "section-251",
            Self::CopiRegulation3 => "copi-regulation-3",
            Self::Direction254 => "direction-254",
            Self::Requirement259 => "requirement-259",
            Self::ExplicitConsent => "explicit-consent",
            Self::OverridingPublicInterest => "overriding-public-interest",
        }
    }

    /// The basis of this word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.word() == text)
    }
}

/// A lawful basis under Article 6 of the UK GDPR that a public body linking records can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Article6 {
    /// 6(1)(c): a legal obligation.
    LegalObligation,
    /// 6(1)(e): a task in the public interest.
    PublicTask,
}

impl Article6 {
    /// The basis of this word: `legal-obligation` or `public-task`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "legal-obligation" => Some(Self::LegalObligation),
            "public-task" => Some(Self::PublicTask),
            _ => None,
        }
    }
}

/// A condition under Article 9 of the UK GDPR for health data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Article9 {
    /// 9(2)(h): health or social care and the management of its systems.
    HealthOrSocialCare,
    /// 9(2)(i): public health.
    PublicHealth,
    /// 9(2)(j): research and statistics.
    ResearchOrStatistics,
}

impl Article9 {
    /// The condition of this word: `health-or-social-care`, `public-health` or `research-or-statistics`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "health-or-social-care" => Some(Self::HealthOrSocialCare),
            "public-health" => Some(Self::PublicHealth),
            "research-or-statistics" => Some(Self::ResearchOrStatistics),
            _ => None,
        }
    }
}

/// The basis on which a body takes in or uses records. There is none with only one half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LegalBasis {
    /// For the duty of confidentiality.
    pub confidentiality: ConfidentialityBasis,
    /// For data protection: the lawful basis.
    pub article6: Article6,
    /// For data protection: the condition for health data.
    pub article9: Article9,
}

impl LegalBasis {
    /// The programme's own: required under section 259, under a direction of section 254; UK GDPR 6(1)(c) and 9(2)(h).
    pub const COLLECTION: Self = Self {
        confidentiality: ConfidentialityBasis::Requirement259,
        article6: Article6::LegalObligation,
        article9: Article9::HealthOrSocialCare,
    };
}

impl fmt::Display for LegalBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let confidentiality = match self.confidentiality {
            ConfidentialityBasis::Section251 => "section 251 support",
            ConfidentialityBasis::CopiRegulation3 => "COPI regulation 3",
            ConfidentialityBasis::Direction254 => "section 254 direction",
            ConfidentialityBasis::Requirement259 => "section 259 requirement",
            ConfidentialityBasis::ExplicitConsent => "explicit consent",
            ConfidentialityBasis::OverridingPublicInterest => "overriding public interest",
        };
        let article6 = match self.article6 {
            Article6::LegalObligation => "6(1)(c)",
            Article6::PublicTask => "6(1)(e)",
        };
        let article9 = match self.article9 {
            Article9::HealthOrSocialCare => "9(2)(h)",
            Article9::PublicHealth => "9(2)(i)",
            Article9::ResearchOrStatistics => "9(2)(j)",
        };
        write!(f, "{confidentiality}; UK GDPR {article6}, {article9}")
    }
}
