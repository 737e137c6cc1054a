//! Declared parameters: what a search may turn, and the values an encode was given.

/// One declared parameter: `const PARAMETERS: &[Parameter]` in the codec's source lists them.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Name, `[a-z][a-z0-9_]*`, unique within the codec, at most 40 bytes.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Type, range and default.
    pub kind: Kind,
}

/// Type, range and default of a parameter.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A whole number in `min..=max`.
    Int {
        /// Least value.
        min: i32,
        /// Greatest value.
        max: i32,
        /// Value when none is given.
        default: i32,
    },
    /// A number in `min..=max`.
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
    /// One of several names; the value is its index.
    Choice {
        /// The names.
        options: &'static [&'static str],
        /// Index of the one used when none is given.
        default: usize,
    },
}

impl Parameter {
    /// A whole number in `min..=max`.
    #[must_use]
    pub const fn int(name: &'static str, min: i32, max: i32, default: i32, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Int { min, max, default } }
    }

    /// A number in `min..=max`.
    #[must_use]
    pub const fn float(name: &'static str, min: f64, max: f64, default: f64, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Float { min, max, default } }
    }

    /// On or off.
    #[must_use]
    pub const fn flag(name: &'static str, default: bool, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Flag { default } }
    }

    /// One of `options`, by index.
    #[must_use]
    pub const fn choice(
        name: &'static str,
        options: &'static [&'static str],
        default: usize,
        help: &'static str,
    ) -> Self {
        Self { name, help, kind: Kind::Choice { options, default } }
    }

    /// The default as the number that travels to the module.
    #[must_use]
    pub fn default_value(&self) -> f64 {
        match self.kind {
            Kind::Int { default, .. } => f64::from(default),
            Kind::Float { default, .. } => default,
            Kind::Flag { default } => f64::from(u8::from(default)),
            Kind::Choice { default, .. } => default as f64,
        }
    }
}

/// The values one encode runs with, read by name.
#[derive(Clone, Debug)]
pub struct Settings {
    declared: &'static [Parameter],
    values: Vec<f64>,
    frame_rate: (u32, u32),
}

impl Settings {
    /// Every parameter at its default, at 25 frames a second.
    #[must_use]
    pub fn defaults(declared: &'static [Parameter]) -> Self {
        let values = declared.iter().map(Parameter::default_value).collect();
        Self { declared, values, frame_rate: (25, 1) }
    }

    /// `values` in the order of declaration; `None` if their number differs.
    #[must_use]
    pub fn new(declared: &'static [Parameter], values: Vec<f64>, frame_rate: (u32, u32)) -> Option<Self> {
        (values.len() == declared.len()).then_some(Self { declared, values, frame_rate })
    }

    /// The same settings with one value replaced (natively, for tests and tuning).
    ///
    /// # Panics
    /// If no parameter has this name.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Self {
        let index = self.index(name);
        self.values[index] = value;
        self
    }

    /// Frames a second, as numerator and denominator.
    #[must_use]
    pub const fn frame_rate(&self) -> (u32, u32) {
        self.frame_rate
    }

    /// Value of a whole-number parameter.
    ///
    /// # Panics
    /// If no parameter has this name.
    #[must_use]
    pub fn int(&self, name: &str) -> i32 {
        self.values[self.index(name)] as i32
    }

    /// Value of a number parameter.
    ///
    /// # Panics
    /// If no parameter has this name.
    #[must_use]
    pub fn float(&self, name: &str) -> f64 {
        self.values[self.index(name)]
    }

    /// Value of an on/off parameter.
    ///
    /// # Panics
    /// If no parameter has this name.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.values[self.index(name)] != 0.0
    }

    /// Index of the chosen option.
    ///
    /// # Panics
    /// If no parameter has this name.
    #[must_use]
    pub fn choice(&self, name: &str) -> usize {
        self.values[self.index(name)] as usize
    }

    fn index(&self, name: &str) -> usize {
        self.declared
            .iter()
            .position(|parameter| parameter.name == name)
            .unwrap_or_else(|| panic!("parameter {name:?} is not declared"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DECLARED: &[Parameter] = &[
        Parameter::int("radius", 1, 64, 16, "search radius"),
        Parameter::float("lambda", 0.1, 4.0, 1.0, "scale of lambda"),
        Parameter::flag("deblock", true, "in-loop filter"),
        Parameter::choice("transform", &["dct", "dst"], 1, "kind"),
    ];

    #[test]
    fn values_are_read_by_name() {
        let settings = Settings::defaults(DECLARED).with("radius", 8.0);
        assert_eq!(settings.int("radius"), 8);
        assert!((settings.float("lambda") - 1.0).abs() < f64::EPSILON);
        assert!(settings.flag("deblock"));
        assert_eq!(settings.choice("transform"), 1);
    }

    #[test]
    #[should_panic(expected = "parameter \"speed\" is not declared")]
    fn an_undeclared_name_is_named() {
        let _ = Settings::defaults(DECLARED).int("speed");
    }
}
