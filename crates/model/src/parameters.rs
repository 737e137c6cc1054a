//! Declared parameters and the values an experiment runs with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a module says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// Version of the contract it was written for.
    pub abi: u32,
    /// One line about the codec.
    pub about: String,
    /// What may be turned, in the order in which the values travel.
    pub parameters: Vec<DeclaredParameter>,
}

/// One declared parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeclaredParameter {
    /// `[a-z][a-z0-9_]*`, at most 40 bytes, unique.
    pub name: String,
    /// One line of help.
    pub help: String,
    /// Type, range, default.
    #[serde(flatten)]
    pub kind: ParameterKind,
}

/// Type, range and default of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ParameterKind {
    /// A whole number in `min..=max`.
    Int {
        /// Least value.
        min: i32,
        /// Greatest value.
        max: i32,
        /// Value when none is given.
        default: i32,
    },
    /// A finite number in `min..=max`.
    Float {
        /// Least value.
        min: f64,
        /// Greatest value.
        max: f64,
        /// Value when none is given.
        default: f64,
    },
    /// On or off.
    Flag {
        /// Value when none is given.
        default: bool,
    },
    /// One of several names.
    Choice {
        /// The names.
        options: Vec<String>,
        /// Index of the one used when none is given.
        default: usize,
    },
}

/// A value as people and JSON write it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ParameterValue {
    /// On or off.
    Flag(bool),
    /// A whole number.
    Int(i32),
    /// Any other number.
    Float(f64),
    /// The name of a choice.
    Choice(String),
}

/// Values by name; what is missing takes its default.
pub type Parameters = BTreeMap<String, ParameterValue>;

/// A declaration or a set of values that does not hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// Nobody declared this name.
    #[error("parameter {name:?} is not declared; declared are: {declared}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// The names there are.
        declared: String,
    },
    /// A value outside its range or of another type.
    #[error("parameter {name:?} is {value}, but must be {bound}")]
    OutOfRange {
        /// The parameter.
        name: String,
        /// The value that was given.
        value: String,
        /// What it may be.
        bound: String,
    },
    /// A declaration that contradicts itself.
    #[error("the declaration of parameter {name:?} is wrong: {reason}")]
    Declaration {
        /// The parameter.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

impl Declaration {
    /// Most parameters one codec may declare.
    pub const MAX_PARAMETERS: usize = 64;

    /// Checks names, ranges and defaults.
    pub fn check(&self) -> Result<(), ParameterError> {
        let wrong =
            |name: &str, reason: String| ParameterError::Declaration { name: name.to_owned(), reason };
        if self.parameters.len() > Self::MAX_PARAMETERS {
            let reason =
                format!("{} are declared, at most {} may be", self.parameters.len(), Self::MAX_PARAMETERS);
            return Err(wrong(&self.parameters[Self::MAX_PARAMETERS].name, reason));
        }
        let mut seen = BTreeSet::new();
        for parameter in &self.parameters {
            let name = parameter.name.as_str();
            let mut bytes = name.bytes();
            let well_formed = name.len() <= 40
                && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
                && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !well_formed {
                return Err(wrong(name, "a name is [a-z][a-z0-9_]* of at most 40 bytes".into()));
            }
            if !seen.insert(name) {
                return Err(wrong(name, "the name is declared twice".into()));
            }
            if !parameter.kind.is_consistent() {
                return Err(wrong(name, format!("the default must be {}", parameter.kind.bound())));
            }
        }
        Ok(())
    }

    /// Every declared parameter with its value: the given one, checked, or its default.
    pub fn resolve(&self, given: &Parameters) -> Result<Parameters, ParameterError> {
        if let Some(name) =
            given.keys().find(|name| !self.parameters.iter().any(|known| known.name == **name))
        {
            let declared = self.parameters.iter().map(|known| known.name.as_str()).collect::<Vec<_>>();
            let declared = if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
            return Err(ParameterError::Unknown { name: name.clone(), declared });
        }
        let resolve = |parameter: &DeclaredParameter| match given.get(&parameter.name) {
            Some(value) => parameter.kind.accept(value).ok_or_else(|| ParameterError::OutOfRange {
                name: parameter.name.clone(),
                value: value.to_string(),
                bound: parameter.kind.bound(),
            }),
            None => Ok(parameter.kind.default_value()),
        };
        self.parameters.iter().map(|parameter| Ok((parameter.name.clone(), resolve(parameter)?))).collect()
    }

    /// The resolved values as the numbers that travel to the module, in the order of declaration.
    pub fn numbers(&self, given: &Parameters) -> Result<Vec<f64>, ParameterError> {
        let resolved = self.resolve(given)?;
        let number = |parameter: &DeclaredParameter| parameter.kind.number(&resolved[&parameter.name]);
        Ok(self.parameters.iter().map(number).collect())
    }
}

impl ParameterKind {
    /// The default as a value.
    #[must_use]
    pub fn default_value(&self) -> ParameterValue {
        match self {
            Self::Int { default, .. } => ParameterValue::Int(*default),
            Self::Float { default, .. } => ParameterValue::Float(*default),
            Self::Flag { default } => ParameterValue::Flag(*default),
            Self::Choice { options, default } => {
                ParameterValue::Choice(options.get(*default).cloned().unwrap_or_default())
            }
        }
    }

    /// What a value may be, for people.
    #[must_use]
    pub fn bound(&self) -> String {
        match self {
            Self::Int { min, max, .. } => format!("a whole number in {min}..={max}"),
            Self::Float { min, max, .. } => format!("a number in {min}..={max}"),
            Self::Flag { .. } => "true or false".into(),
            Self::Choice { options, .. } => format!("one of {}", options.join(", ")),
        }
    }

    /// The value in this parameter's own type, or `None` if it is not one of its values.
    fn accept(&self, value: &ParameterValue) -> Option<ParameterValue> {
        let fits = match (self, value) {
            (Self::Int { min, max, .. }, ParameterValue::Int(value)) => (min..=max).contains(&value),
            (Self::Float { min, max, .. }, ParameterValue::Float(value)) => (min..=max).contains(&value),
            (Self::Float { min, max, .. }, ParameterValue::Int(value)) => {
                let value = f64::from(*value);
                return (*min..=*max).contains(&value).then_some(ParameterValue::Float(value));
            }
            (Self::Flag { .. }, ParameterValue::Flag(_)) => true,
            (Self::Choice { options, .. }, ParameterValue::Choice(name)) => options.contains(name),
            _ => false,
        };
        fits.then(|| value.clone())
    }

    fn number(&self, value: &ParameterValue) -> f64 {
        match (self, value) {
            (_, ParameterValue::Int(value)) => f64::from(*value),
            (_, ParameterValue::Float(value)) => *value,
            (_, ParameterValue::Flag(value)) => f64::from(u8::from(*value)),
            (Self::Choice { options, .. }, ParameterValue::Choice(name)) => {
                options.iter().position(|option| option == name).unwrap_or_default() as f64
            }
            (_, ParameterValue::Choice(_)) => f64::NAN,
        }
    }

    fn is_consistent(&self) -> bool {
        let ends_are_finite = match self {
            Self::Float { min, max, .. } => min.is_finite() && max.is_finite(),
            Self::Choice { options, default } => *default < options.len(),
            Self::Int { .. } | Self::Flag { .. } => true,
        };
        ends_are_finite && self.accept(&self.default_value()).is_some()
    }
}

impl std::fmt::Display for ParameterValue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(value) => write!(formatter, "{value}"),
            Self::Int(value) => write!(formatter, "{value}"),
            Self::Float(value) => write!(formatter, "{value}"),
            Self::Choice(value) => formatter.write_str(value),
        }
    }
}

impl std::str::FromStr for ParameterValue {
    type Err = std::convert::Infallible;

    /// Reads what a person types: `true`, `12`, `0.5`, or a name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let flag = text.parse().map(Self::Flag).ok();
        let int = || text.parse().map(Self::Int).ok();
        let float = || text.parse().map(Self::Float).ok();
        Ok(flag.or_else(int).or_else(float).unwrap_or_else(|| Self::Choice(text.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration() -> Declaration {
        serde_json::from_str(
            r#"{"abi":1,"about":"a test","parameters":[
            {"name":"radius","help":"h","type":"int","min":1,"max":64,"default":16},
            {"name":"lambda","help":"h","type":"float","min":0.1,"max":4.0,"default":1.0},
            {"name":"deblock","help":"h","type":"flag","default":true},
            {"name":"kind","help":"h","type":"choice","options":["dct","dst"],"default":1}]}"#,
        )
        .unwrap()
    }

    fn given(name: &str, text: &str) -> Parameters {
        Parameters::from([(name.to_owned(), text.parse().unwrap())])
    }

    #[test]
    fn missing_values_take_their_defaults_in_the_order_of_declaration() {
        let declaration = declaration();
        declaration.check().unwrap();
        assert_eq!(declaration.numbers(&Parameters::new()).unwrap(), [16.0, 1.0, 1.0, 1.0]);
        assert_eq!(declaration.numbers(&given("lambda", "2")).unwrap(), [16.0, 2.0, 1.0, 1.0]);
        assert_eq!(declaration.numbers(&given("kind", "dct")).unwrap(), [16.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_bound() {
        let message = declaration().resolve(&given("radius", "65")).unwrap_err().to_string();
        assert_eq!(message, "parameter \"radius\" is 65, but must be a whole number in 1..=64");
        let message = declaration().resolve(&given("kind", "wavelet")).unwrap_err().to_string();
        assert_eq!(message, "parameter \"kind\" is wavelet, but must be one of dct, dst");
        let message = declaration().resolve(&given("speed", "1")).unwrap_err().to_string();
        assert!(message.contains("\"speed\" is not declared; declared are: radius, lambda"), "{message}");
        assert!(declaration().resolve(&given("lambda", "NaN")).is_err());
    }

    #[test]
    fn a_declaration_that_contradicts_itself_is_refused() {
        let mut twice = declaration();
        twice.parameters[1].name = "radius".into();
        assert!(twice.check().is_err());
        let mut outside = declaration();
        outside.parameters[0].kind = ParameterKind::Int { min: 1, max: 4, default: 5 };
        assert!(outside.check().unwrap_err().to_string().contains("1..=4"));
        let mut name = declaration();
        name.parameters[0].name = "<script>".into();
        assert!(name.check().is_err());
    }
}
