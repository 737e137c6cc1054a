//! What is let in: everything that can be said about a module in linear time, before Cranelift sees it.

use crate::{Error, Result};
use aiv1_model::Limits;
use std::collections::BTreeMap;
use wasmparser::{ExternalKind, FuncType, Parser, Payload, ValType, Validator, WasmFeatures};

/// Which half of a codec a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Frames to bytes.
    Encoder,
    /// Bytes to frames.
    Decoder,
}

/// A module in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModuleSummary {
    /// Size of the module.
    pub bytes: u64,
    /// Functions it defines.
    pub functions: u32,
    /// Size of the largest function body.
    pub largest_body: u64,
    /// Memory it starts with.
    pub initial_memory: u64,
}

const I32: ValType = ValType::I32;
const POINTERS: &[ValType] = &[I32, I32, I32, I32];
const MAX_LOCALS: u64 = 20_000;
const MAX_ALL_LOCALS: u64 = 200_000;
const MAX_TABLE: u64 = 65_536;

/// Name, parameters, result and spelling of an export, and whether a module may lack it.
type Export = (&'static str, &'static [ValType], ValType, &'static str, bool);

impl Role {
    /// The export that does the work.
    #[must_use]
    pub const fn entry(self) -> &'static str {
        match self {
            Self::Encoder => "encode",
            Self::Decoder => "decode",
        }
    }

    const fn exports(self) -> [Export; 5] {
        [
            ("abi", &[], I32, "a function () -> i32", false),
            ("alloc", &[I32], I32, "a function (i32) -> i32", false),
            ("last_panic", &[], ValType::I64, "a function () -> i64", false),
            (self.entry(), POINTERS, ValType::I64, "a function (i32, i32, i32, i32) -> i64", false),
            ("describe", &[], ValType::I64, "a function () -> i64", matches!(self, Self::Decoder)),
        ]
    }
}

/// Checks that a module is one that may run: valid, self-contained, of the contract's shape, within the limits.
pub fn check_module(role: Role, bytes: &[u8], limits: &Limits) -> Result<ModuleSummary> {
    let len = bytes.len() as u64;
    if len > limits.module_bytes {
        return Err(Error::ModuleSize { bytes: len, bound: limits.module_bytes });
    }
    let mut scan = Scan::default();
    for payload in Parser::new(0).parse_all(bytes) {
        scan.section(payload.map_err(invalid)?, limits)?;
    }
    let features = WasmFeatures::WASM1
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::EXTENDED_CONST;
    Validator::new_with_features(features).validate_all(bytes).map_err(invalid)?;
    scan.contract(role)?;
    if scan.summary.initial_memory > limits.memory_bytes {
        let (requested, bound) = (scan.summary.initial_memory, limits.memory_bytes);
        return Err(Error::Memory { call: "instantiation", requested, bound });
    }
    Ok(ModuleSummary { bytes: len, ..scan.summary })
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` calls it")]
fn invalid(error: wasmparser::Error) -> Error {
    Error::InvalidModule { reason: error.to_string() }
}

fn at_most(what: &'static str, count: u64, bound: u64) -> Result<()> {
    if count > bound { Err(Error::TooMany { what, count, bound }) } else { Ok(()) }
}

#[derive(Default)]
struct Scan {
    types: Vec<FuncType>,
    functions: Vec<u32>,
    exports: BTreeMap<String, (ExternalKind, u32)>,
    memories: u32,
    bodies: u32,
    locals: u64,
    summary: ModuleSummary,
}

impl Scan {
    fn section(&mut self, payload: Payload<'_>, limits: &Limits) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                at_most("types", section.count().into(), 4096)?;
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(ty.map_err(invalid)?);
                }
            }
            Payload::ImportSection(section) => {
                if let Some(import) = section.into_imports().next() {
                    let import = import.map_err(invalid)?;
                    return Err(Error::Import { module: bounded(import.module), name: bounded(import.name) });
                }
            }
            Payload::FunctionSection(section) => {
                at_most("functions", section.count().into(), 16_384)?;
                self.summary.functions = section.count();
                for ty in section {
                    self.functions.push(ty.map_err(invalid)?);
                }
            }
            Payload::TableSection(section) => {
                at_most("tables", section.count().into(), 4)?;
                for table in section {
                    at_most("table elements", table.map_err(invalid)?.ty.initial, MAX_TABLE)?;
                }
            }
            Payload::MemorySection(section) => {
                self.memories = section.count();
                for memory in section {
                    let pages = memory.map_err(invalid)?.initial;
                    self.summary.initial_memory = pages.saturating_mul(1 << 16);
                }
            }
            Payload::GlobalSection(section) => at_most("globals", section.count().into(), 1024)?,
            Payload::ElementSection(section) => at_most("element segments", section.count().into(), 4096)?,
            Payload::DataSection(section) => at_most("data segments", section.count().into(), 4096)?,
            Payload::ExportSection(section) => {
                at_most("exports", section.count().into(), 64)?;
                for export in section {
                    let export = export.map_err(invalid)?;
                    self.exports.insert(bounded(export.name), (export.kind, export.index));
                }
            }
            Payload::CodeSectionEntry(body) => return self.body(&body, limits),
            _ => {}
        }
        Ok(())
    }

    fn body(&mut self, body: &wasmparser::FunctionBody<'_>, limits: &Limits) -> Result<()> {
        let function = self.bodies;
        self.bodies += 1;
        let bytes = body.range().len() as u64;
        self.summary.largest_body = self.summary.largest_body.max(bytes);
        if bytes > limits.body_bytes {
            return Err(Error::BodySize { function, bytes, bound: limits.body_bytes });
        }
        // A few bytes can declare tens of thousands of locals, each of which costs the compiler memory.
        let mut locals = 0;
        for group in body.get_locals_reader().map_err(invalid)? {
            locals += u64::from(group.map_err(invalid)?.0);
        }
        self.locals += locals;
        at_most("locals in one function", locals, MAX_LOCALS)?;
        at_most("locals", self.locals, MAX_ALL_LOCALS)
    }

    fn contract(&self, role: Role) -> Result<()> {
        let memory = self.exports.get("memory").ok_or_else(|| missing("memory"))?;
        if memory.0 != ExternalKind::Memory {
            return Err(Error::Signature {
                name: "memory".into(),
                found: kind_name(memory.0).into(),
                expected: "a memory",
            });
        }
        at_most("memories", self.memories.into(), 1)?;
        let contract = role.exports();
        for (name, params, result, expected, optional) in contract {
            match self.exports.get(name) {
                None if optional => {}
                None => return Err(missing(name)),
                Some((kind, index)) => self.signature(name, *kind, *index, (params, result, expected))?,
            }
        }
        // Data addresses that a linker exports mean nothing and harm nothing; anything that can be called is refused.
        let unknown = self.exports.iter().find(|(name, (kind, _))| {
            let known = *name == "memory" || contract.iter().any(|export| export.0 == name.as_str());
            !known && *kind != ExternalKind::Global
        });
        match unknown {
            Some((name, (kind, _))) => {
                let reason = format!("{} that the contract does not know", kind_name(*kind));
                Err(Error::Export { name: name.clone(), reason })
            }
            None => Ok(()),
        }
    }

    fn signature(
        &self,
        name: &str,
        kind: ExternalKind,
        index: u32,
        (params, result, expected): (&[ValType], ValType, &'static str),
    ) -> Result<()> {
        let wrong = |found: String| Error::Signature { name: name.to_owned(), found, expected };
        if kind != ExternalKind::Func {
            return Err(wrong(kind_name(kind).into()));
        }
        // Without imports the indices of functions are those of the function section; the validator has seen them.
        let ty = self.functions.get(index as usize).and_then(|ty| self.types.get(*ty as usize));
        let ty = ty.ok_or_else(|| wrong("not there".into()))?;
        if ty.params() == params && ty.results() == [result] {
            return Ok(());
        }
        let list = |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(wrong(bounded(&format!("a function ({}) -> {}", list(ty.params()), list(ty.results())))))
    }
}

fn missing(name: &str) -> Error {
    Error::Export { name: name.to_owned(), reason: "the module does not have it".into() }
}

fn kind_name(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "a function",
        ExternalKind::Table => "a table",
        ExternalKind::Memory => "a memory",
        ExternalKind::Global => "a global",
        ExternalKind::Tag => "a tag",
    }
}

/// A name out of a module, cut to what a message can hold.
fn bounded(name: &str) -> String {
    name.chars().take(100).collect()
}
