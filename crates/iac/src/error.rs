//! Why a file, or a part of it, cannot be judged.

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadProblem {
    #[error("it is not {language}: {message}")]
    Syntax { language: &'static str, message: String, offset: usize },
    #[error("its nesting is deeper than that of any template or plan")]
    TooDeep,
    #[error("it is larger than any template, or its anchors expand to more than one has")]
    TooLarge,
    #[error("it is neither a policy nor a file that deploys one")]
    NotRecognized,
}

impl ReadProblem {
    pub(crate) fn syntax(language: &'static str, message: impl Into<String>, offset: usize) -> Self {
        Self::Syntax { language, message: message.into(), offset }
    }

    /// The place of the problem in the text, where it has one.
    pub fn offset(&self) -> Option<usize> {
        match self {
            Self::Syntax { offset, .. } => Some(*offset),
            Self::TooDeep | Self::TooLarge | Self::NotRecognized => None,
        }
    }
}
