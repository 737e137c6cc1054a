//! `transform`: a block-transform video codec of the HEVC family.
//!
//! The shape is that of every hybrid codec since H.261: predict a block from what is already decoded, transform and
//! quantise the difference, code all decisions with an adaptive arithmetic coder. What is inside:
//!
//! * 64-pixel coding trees split by quadtree down to 8, transforms 4 to 32 (HEVC, Sullivan et al. 2012);
//! * a GOP that is one intra picture followed by a hierarchical-B pyramid with a QP cascade (Schwarz et al. 2006);
//! * merge, skip and motion vector prediction from spatial and temporal neighbours (Helle et al. 2012),
//!   quarter-sample motion, two-hypothesis prediction;
//! * planar, DC and 33 angular intra modes (Lainema et al. 2012);
//! * local-template coefficient contexts and two-rate probability estimates (both as in VVC, Schwarz et al. 2021);
//! * deblocking (Norkin et al. 2012) and sample-adaptive offset (Fu et al. 2012) inside the prediction loop;
//! * rate-distortion optimised decisions everywhere in the encoder, including quantisation (Karczewicz 2008).
//!
//! Samples are kept at ten bits between pictures although input and output have eight: the extra two bits spare
//! prediction from rounding twice. Everything that reconstructs is integer arithmetic; floating point only decides.
//!
//! Encoder and decoder share one description of the syntax: each syntax function takes a [`Coder`] and a value,
//! and *returns* the value. Writing, it passes the value through; reading, it ignores what it is given.

use std::rc::Rc;

#[cfg(decoder)]
use aiv1_kit::GopMut;
#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};

/// One line for the pages.
pub const ABOUT: &str =
    "Quadtree block transform, hierarchical B, adaptive arithmetic coding, in-loop filters.";

// ---------------------------------------------------------------------------------------------------------------
// Constants of the format
// ---------------------------------------------------------------------------------------------------------------

/// Bits of a sample between pictures.
const BIT_DEPTH: u32 = 10;
/// How far input samples are shifted up.
const DEPTH_SHIFT: u32 = BIT_DEPTH - 8;
/// Largest sample.
const SAMPLE_MAX: i32 = (1 << BIT_DEPTH) - 1;
/// Bits of a prediction before it is rounded to a sample, as in HEVC 8.5.3.3.
const PREDICTION_BITS: u32 = 14;
/// What separates a prediction from a sample.
const PREDICTION_SHIFT: u32 = PREDICTION_BITS - BIT_DEPTH;

/// Log2 of the coding tree unit's side.
const CTU_LOG2: usize = 6;
/// Side of the coding tree unit.
const CTU: usize = 1 << CTU_LOG2;
/// Log2 of the smallest coding unit, and of the cell in which decisions are remembered.
const CELL_LOG2: usize = 3;
/// Side of a cell.
const CELL: usize = 1 << CELL_LOG2;
/// Cells along one side of a coding tree unit.
const CTU_CELLS: usize = CTU / CELL;
/// Log2 of the largest transform.
const TRANSFORM_MAX_LOG2: usize = 5;
/// Samples of the largest transform.
const TRANSFORM_MAX_AREA: usize = 1 << (2 * TRANSFORM_MAX_LOG2);

/// Padding around a reference luma plane: the largest block, the filter's reach, and a little.
const LUMA_MARGIN: usize = CTU + 16;
/// Padding around a reference chroma plane.
const CHROMA_MARGIN: usize = CTU / 2 + 16;
/// How far beyond the picture a reference block may start; farther away padding repeats itself.
const REACH: i32 = 8;

/// Merge candidates of a prediction unit.
const MERGE_CANDIDATES: usize = 6;
/// Reference pictures in one list, at most.
#[cfg(encoder)]
const REFERENCES_MAX: usize = 4;
/// QP is counted in quarters: 24 steps double the quantiser's step.
const QP_UNITS: i32 = 4;
/// Quarter steps of QP in which the quantiser's step doubles.
const QP_OCTAVE: i32 = 6 * QP_UNITS;
/// Largest QP, in quarters.
const QP_MAX: i32 = 63 * QP_UNITS;

/// Intra modes: planar, DC, then 33 directions from bottom-left (2) over left (10) and top (26) to top-right (34).
const PLANAR: u8 = 0;
const DC: u8 = 1;
const HORIZONTAL: u8 = 10;
const VERTICAL: u8 = 26;

// ---------------------------------------------------------------------------------------------------------------
// Pictures
// ---------------------------------------------------------------------------------------------------------------

/// One plane of ten-bit samples with padding all around.
#[derive(Clone)]
struct Plane {
    data: Vec<i16>,
    stride: usize,
    width: usize,
    height: usize,
    margin: usize,
}

impl Plane {
    fn new(width: usize, height: usize, margin: usize) -> Self {
        let stride = width + 2 * margin;
        Self { data: vec![0; stride * (height + 2 * margin)], stride, width, height, margin }
    }

    /// Index of a sample that may lie in the padding.
    #[inline]
    fn index(&self, x: i32, y: i32) -> usize {
        let column = (x + self.margin as i32) as usize;
        let row = (y + self.margin as i32) as usize;
        row * self.stride + column
    }

    /// Index of a sample inside the picture.
    #[inline]
    fn inside(&self, x: usize, y: usize) -> usize {
        (y + self.margin) * self.stride + x + self.margin
    }

    /// Repeats the border samples into the padding.
    fn pad(&mut self) {
        let (stride, margin, width) = (self.stride, self.margin, self.width);
        for y in 0..self.height {
            let row = &mut self.data[(y + margin) * stride..][..stride];
            let (first, last) = (row[margin], row[margin + width - 1]);
            row[..margin].fill(first);
            row[margin + width..].fill(last);
        }
        let (first, last) = (margin * stride, (margin + self.height - 1) * stride);
        for y in 0..margin {
            self.data.copy_within(first..first + stride, y * stride);
            self.data.copy_within(last..last + stride, last + (y + 1) * stride);
        }
    }
}

/// A motion vector in quarters of a luma sample.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Mv {
    x: i16,
    y: i16,
}

impl Mv {
    const ZERO: Self = Self { x: 0, y: 0 };

    fn plus(self, other: Self) -> Self {
        Self { x: self.x.wrapping_add(other.x), y: self.y.wrapping_add(other.y) }
    }

    #[cfg(encoder)]
    fn minus(self, other: Self) -> Self {
        Self { x: self.x.wrapping_sub(other.x), y: self.y.wrapping_sub(other.y) }
    }

    /// The vector stretched from one temporal distance to another (HEVC 8.5.3.2.7).
    fn scaled(self, wanted: i32, have: i32) -> Self {
        if wanted == have {
            return self;
        }
        let (wanted, have) = (wanted.clamp(-128, 127), have.clamp(-128, 127));
        let inverse = (16384 + have.abs() / 2) / have;
        let factor = ((wanted * inverse + 32) >> 6).clamp(-4096, 4095);
        let stretch = |v: i16| {
            let product = factor * i32::from(v);
            let size = (product.abs() + 127) >> 8;
            (size * product.signum()).clamp(-32768, 32767) as i16
        };
        Self { x: stretch(self.x), y: stretch(self.y) }
    }
}

/// Motion of a prediction unit: per list a vector and the index of a reference, negative if the list is unused.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Motion {
    mv: [Mv; 2],
    reference: [i8; 2],
}

impl Motion {
    const NONE: Self = Self { mv: [Mv::ZERO; 2], reference: [-1; 2] };

    fn uses(&self, list: usize) -> bool {
        self.reference[list] >= 0
    }
}

/// Motion as later pictures see it: references by picture number.
#[derive(Clone, Copy)]
struct PastMotion {
    mv: [Mv; 2],
    poc: [Option<i16>; 2],
}

/// A decoded picture.
struct Picture {
    /// Picture order count: its place in display order.
    poc: i32,
    planes: [Plane; 3],
    motion: Vec<PastMotion>,
}

impl Picture {
    /// A blank picture whose sides are rounded up to whole cells.
    fn new(poc: i32, width: usize, height: usize) -> Self {
        let (width, height) = (width.next_multiple_of(CELL), height.next_multiple_of(CELL));
        let chroma = || Plane::new(width / 2, height / 2, CHROMA_MARGIN);
        Self { poc, planes: [Plane::new(width, height, LUMA_MARGIN), chroma(), chroma()], motion: Vec::new() }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Decisions, as the syntax carries them and as neighbours remember them
// ---------------------------------------------------------------------------------------------------------------

/// How a coding unit is predicted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Intra,
    Inter,
    /// Inter with merged motion and no residual.
    Skip,
}

/// How an inter coding unit is cut into prediction units.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Partition {
    Whole,
    /// Upper and lower half.
    Rows,
    /// Left and right half.
    Columns,
}

impl Partition {
    /// The prediction units as (x, y, width, height) inside a coding unit of this side.
    fn units(self, size: usize) -> ([(usize, usize, usize, usize); 2], usize) {
        let half = size / 2;
        match self {
            Self::Whole => ([(0, 0, size, size); 2], 1),
            Self::Rows => ([(0, 0, size, half), (0, half, size, half)], 2),
            Self::Columns => ([(0, 0, half, size), (half, 0, half, size)], 2),
        }
    }
}

/// One prediction unit.
#[derive(Clone, Copy)]
struct Unit {
    /// Index of the merge candidate whose motion is taken over.
    merge: Option<u8>,
    motion: Motion,
    /// Per list, which of two predictors the vector is coded against, and the difference.
    predictor: [u8; 2],
    difference: [Mv; 2],
}

impl Unit {
    const NONE: Self =
        Self { merge: None, motion: Motion::NONE, predictor: [0; 2], difference: [Mv::ZERO; 2] };
}

/// One coding unit.
#[derive(Clone, Copy)]
struct CodingUnit {
    kind: Kind,
    partition: Partition,
    units: [Unit; 2],
    /// Luma modes of the quarters; all equal unless an 8x8 unit is split into 4x4 transforms.
    intra: [u8; 4],
    /// Chroma mode: 0 follows luma, 1..=4 name planar, vertical, horizontal, DC.
    intra_chroma: u8,
    /// Whether the transform is a quarter of the unit.
    transform_split: bool,
    /// Coded block flags: bit `4 * plane + transform`.
    coded: u16,
}

impl CodingUnit {
    const NONE: Self = Self {
        kind: Kind::Intra,
        partition: Partition::Whole,
        units: [Unit::NONE; 2],
        intra: [DC; 4],
        intra_chroma: 0,
        transform_split: false,
        coded: 0,
    };

    fn chroma_mode(&self) -> u8 {
        match self.intra_chroma {
            0 => self.intra[0],
            1 => PLANAR,
            2 => VERTICAL,
            3 => HORIZONTAL,
            _ => DC,
        }
    }

    fn is_coded(&self, plane: usize, transform: usize) -> bool {
        self.coded >> (4 * plane + transform) & 1 != 0
    }

    fn set_coded(&mut self, plane: usize, transform: usize, coded: bool) {
        let bit = 1 << (4 * plane + transform);
        self.coded = if coded { self.coded | bit } else { self.coded & !bit };
    }

    /// Number of luma transforms and log2 of their side.
    fn transforms(&self, log2: usize) -> (usize, usize) {
        if log2 > TRANSFORM_MAX_LOG2 || self.transform_split { (4, log2 - 1) } else { (1, log2) }
    }

    /// Number of transforms of each chroma plane and log2 of their side: an 8x8 unit has one 4x4 whatever luma does.
    fn chroma_transforms(&self, log2: usize) -> (usize, usize) {
        if log2 == CELL_LOG2 {
            (1, 2)
        } else {
            let (count, luma) = self.transforms(log2);
            (count, luma - 1)
        }
    }
}

/// What an 8x8 cell remembers for its neighbours and for the loop filters.
#[derive(Clone, Copy)]
struct Cell {
    kind: Kind,
    /// Log2 side of the coding unit.
    log2: u8,
    /// Log2 side of the transform, and whether it has luma coefficients.
    transform_log2: u8,
    coded: bool,
    intra: [u8; 4],
    motion: Motion,
}

impl Cell {
    const NONE: Self = Self {
        kind: Kind::Intra,
        log2: CTU_LOG2 as u8,
        transform_log2: TRANSFORM_MAX_LOG2 as u8,
        coded: false,
        intra: [DC; 4],
        motion: Motion::NONE,
    };
}

/// Spreads three bits so that two of them interleave: the z-order of cells.
const SPREAD: [usize; 8] = [0, 1, 4, 5, 16, 17, 20, 21];

/// Place of a cell within its coding tree unit in coding order.
fn z_order(column: usize, row: usize) -> usize {
    SPREAD[column % CTU_CELLS] | SPREAD[row % CTU_CELLS] << 1
}

/// A picture being coded: its decisions so far, its samples so far, and its references.
struct Frame {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
    picture: Picture,
    lists: [Vec<Rc<Picture>>; 2],
    plan: Plan,
    qp: i32,
    chroma_qp: i32,
}

impl Frame {
    fn new(plan: Plan, header: &Header, picture: Picture, lists: [Vec<Rc<Picture>>; 2], qp: i32) -> Self {
        let columns = picture.planes[0].width / CELL;
        let rows = picture.planes[0].height / CELL;
        let cells = vec![Cell::NONE; columns * rows];
        let chroma_qp = (qp + header.chroma_qp_offset).clamp(0, QP_MAX);
        Self { columns, rows, cells, picture, lists, plan, qp, chroma_qp }
    }

    fn width(&self) -> usize {
        self.columns * CELL
    }

    fn height(&self) -> usize {
        self.rows * CELL
    }

    /// Coding tree units across and down.
    fn ctus(&self) -> (usize, usize) {
        (self.columns.div_ceil(CTU_CELLS), self.rows.div_ceil(CTU_CELLS))
    }

    fn plane_qp(&self, plane: usize) -> i32 {
        if plane == 0 { self.qp } else { self.chroma_qp }
    }

    /// The cell at a luma position inside the picture.
    fn cell(&self, x: usize, y: usize) -> &Cell {
        &self.cells[(y / CELL) * self.columns + x / CELL]
    }

    /// The cells left of and above a position, where there are any.
    fn neighbours(&self, x: usize, y: usize) -> [Option<&Cell>; 2] {
        [x.checked_sub(1).map(|x| self.cell(x, y)), y.checked_sub(1).map(|y| self.cell(x, y))]
    }

    /// How many of the left and the above neighbour have a property: the usual context of a flag.
    fn count_neighbours(&self, x: usize, y: usize, property: impl Fn(&Cell) -> bool) -> usize {
        self.neighbours(x, y).into_iter().flatten().filter(|cell| property(cell)).count()
    }

    /// Whether the cell at `(x, y)`, which may lie outside, precedes the block at `(here_x, here_y)` in coding order.
    fn precedes(&self, x: i32, y: i32, here_x: usize, here_y: usize) -> bool {
        if x < 0 || y < 0 || x as usize >= self.width() || y as usize >= self.height() {
            return false;
        }
        let order = |x: usize, y: usize| ((y / CTU, x / CTU), z_order(x / CELL, y / CELL));
        order(x as usize, y as usize) < order(here_x, here_y)
    }

    /// Remembers a decided coding unit in its cells.
    fn remember(&mut self, x: usize, y: usize, log2: usize, unit: &CodingUnit) {
        let size = 1 << log2;
        let (count, transform_log2) = unit.transforms(log2);
        for row in (0..size).step_by(CELL) {
            for column in (0..size).step_by(CELL) {
                let transform = if count == 1 || log2 == CELL_LOG2 {
                    0
                } else {
                    2 * usize::from(2 * row >= size) + usize::from(2 * column >= size)
                };
                let coded =
                    if log2 == CELL_LOG2 { unit.coded & 15 != 0 } else { unit.is_coded(0, transform) };
                let half = match unit.partition {
                    Partition::Whole => 0,
                    Partition::Rows => usize::from(2 * row >= size),
                    Partition::Columns => usize::from(2 * column >= size),
                };
                let motion = if unit.kind == Kind::Intra { Motion::NONE } else { unit.units[half].motion };
                let index = ((y + row) / CELL) * self.columns + (x + column) / CELL;
                self.cells[index] = Cell {
                    kind: unit.kind,
                    log2: log2 as u8,
                    transform_log2: transform_log2 as u8,
                    coded,
                    intra: if unit.kind == Kind::Intra { unit.intra } else { [DC; 4] },
                    motion,
                };
            }
        }
    }

    /// Remembers motion alone, for the second prediction unit to be predicted from the first.
    fn remember_motion(&mut self, (x, y, width, height): (usize, usize, usize, usize), motion: Motion) {
        for row in y / CELL..(y + height) / CELL {
            for column in x / CELL..(x + width) / CELL {
                let cell = &mut self.cells[row * self.columns + column];
                cell.kind = Kind::Inter;
                cell.motion = motion;
            }
        }
    }

    /// Picture number of a reference.
    fn reference_poc(&self, list: usize, index: i8) -> i32 {
        self.lists[list][index as usize].poc
    }

    /// Turns the finished frame into a picture that others may refer to.
    fn finish(mut self) -> Picture {
        for plane in &mut self.picture.planes {
            plane.pad();
        }
        let past = |motion: &Motion| PastMotion {
            mv: motion.mv,
            poc: [0, 1].map(|list| {
                motion.uses(list).then(|| self.lists[list][motion.reference[list] as usize].poc as i16)
            }),
        };
        self.picture.motion = self.cells.iter().map(|cell| past(&cell.motion)).collect();
        self.picture
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Structure of the group of pictures
// ---------------------------------------------------------------------------------------------------------------

/// What the whole group of pictures is coded with.
#[derive(Clone, Copy, Default)]
struct Header {
    /// QP of the intra picture, in quarters.
    qp: i32,
    /// Length of a pyramid.
    pyramid: usize,
    /// Reference pictures per list.
    references: usize,
    /// Added to the QP of chroma, in quarters.
    chroma_qp_offset: i32,
    /// Whether the two loop filters run.
    deblock: bool,
    sao: bool,
    /// Offsets to the deblocking filter's two thresholds, in QP.
    deblock_beta: i32,
    deblock_tc: i32,
}

impl Header {
    /// Writes or reads the header.
    fn code<C: Coder>(&mut self, coder: &mut C) {
        let mut number = |bits: u32, low: i32, value: i32| coder.raw(bits, (value - low) as u32) as i32 + low;
        self.qp = number(8, 0, self.qp);
        self.pyramid = number(6, 1, self.pyramid as i32) as usize;
        self.references = number(2, 1, self.references as i32) as usize;
        self.chroma_qp_offset = number(7, -64, self.chroma_qp_offset);
        self.deblock = number(1, 0, i32::from(self.deblock)) != 0;
        self.sao = number(1, 0, i32::from(self.sao)) != 0;
        self.deblock_beta = number(4, -8, self.deblock_beta);
        self.deblock_tc = number(4, -8, self.deblock_tc);
    }
}

/// Place of one picture in the group: what it is and what it may refer to.
#[derive(Clone)]
struct Plan {
    poc: usize,
    /// Depth in the pyramid: 0 for the intra picture, 1 for the pictures that end a pyramid, more for those inside.
    layer: usize,
    /// Picture numbers of the two lists.
    lists: [Vec<usize>; 2],
    /// Pictures that nothing refers to any more once this one is coded.
    released: Vec<usize>,
}

impl Plan {
    fn is_intra(&self) -> bool {
        self.layer == 0
    }

    /// Which of three sets of probabilities the picture uses: intra, pyramid ends, pyramid inside.
    fn statistics(&self) -> usize {
        self.layer.min(STATISTICS - 1)
    }
}

/// The pictures in coding order.
///
/// The first is intra. The others form pyramids of (at most) equal length; each is coded from its end, then the
/// middle, then the middles of the halves. Lists hold the nearest pictures already coded and not of a deeper layer,
/// the first list preferring the past and the second the future.
fn plan_group(frames: usize, header: &Header) -> Vec<Plan> {
    fn halves(low: usize, high: usize, layer: usize, order: &mut Vec<(usize, usize)>) {
        if high - low > 1 {
            let middle = usize::midpoint(low, high);
            order.push((middle, layer));
            halves(low, middle, layer + 1, order);
            halves(middle, high, layer + 1, order);
        }
    }
    let mut order = vec![(0, 0)];
    let inter = frames - 1;
    let pyramids = inter.div_ceil(header.pyramid);
    for pyramid in 0..pyramids {
        let (low, high) = (pyramid * inter / pyramids, (pyramid + 1) * inter / pyramids);
        order.push((high, 1));
        halves(low, high, 2, &mut order);
    }
    let mut plans: Vec<Plan> = Vec::with_capacity(frames);
    for (place, &(poc, layer)) in order.iter().enumerate() {
        let usable =
            || order[..place].iter().filter(|other| other.1 < layer || other.1 <= 1).map(|other| other.0);
        let mut past: Vec<usize> = usable().filter(|&other| other < poc).collect();
        let mut future: Vec<usize> = usable().filter(|&other| other > poc).collect();
        past.sort_unstable_by(|a, b| b.cmp(a));
        future.sort_unstable();
        let list = |near: &[usize], far: &[usize]| {
            let mut list: Vec<usize> = near.to_vec();
            if near.is_empty() || near.len() < header.references {
                list.extend_from_slice(far);
            }
            list.truncate(header.references);
            list
        };
        let lists = [list(&past, &future), list(&future, &past)];
        plans.push(Plan { poc, layer, lists, released: Vec::new() });
    }
    for picture in 0..frames {
        let uses =
            |plan: &Plan| plan.poc == picture || plan.lists.iter().flatten().any(|&poc| poc == picture);
        if let Some(last) = plans.iter().rposition(uses) {
            plans[last].released.push(picture);
        }
    }
    plans
}

/// The pictures that are still referred to.
#[derive(Default)]
struct References {
    pictures: Vec<Rc<Picture>>,
}

impl References {
    /// The lists of a picture.
    fn lists(&self, plan: &Plan) -> [Vec<Rc<Picture>>; 2] {
        [0, 1].map(|list| {
            let find = |&poc: &usize| self.pictures.iter().find(|picture| picture.poc == poc as i32).cloned();
            plan.lists[list].iter().filter_map(find).collect()
        })
    }

    /// Takes in a coded picture and lets go of those it was the last to need.
    fn keep(&mut self, picture: Picture, plan: &Plan) {
        self.pictures.push(Rc::new(picture));
        self.pictures.retain(|picture| !plan.released.contains(&(picture.poc as usize)));
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Arithmetic coding
// ---------------------------------------------------------------------------------------------------------------

/// An adaptive probability that the next bit is set, in 1/65536, kept at two speeds and averaged
/// (as in VVC 9.3.4.3.2): the fast one follows, the slow one remembers.
#[derive(Clone, Copy)]
struct Context {
    fast: u16,
    slow: u16,
}

const FAST_RATE: u32 = 4;
const SLOW_RATE: u32 = 7;

impl Context {
    #[inline]
    fn probability(self) -> u32 {
        (u32::from(self.fast) + u32::from(self.slow)) >> 1
    }

    #[inline]
    fn update(&mut self, bit: bool) {
        if bit {
            self.fast += (u16::MAX - self.fast) >> FAST_RATE;
            self.slow += (u16::MAX - self.slow) >> SLOW_RATE;
        } else {
            self.fast -= self.fast >> FAST_RATE;
            self.slow -= self.slow >> SLOW_RATE;
        }
    }
}

/// Either end of the arithmetic coder. The syntax functions hand a value in and use the value that comes back.
trait Coder {
    /// Whether values come from the stream; then those handed in mean nothing.
    const READS: bool;

    /// One bit with an adaptive probability.
    fn bit(&mut self, context: usize, value: bool) -> bool;

    /// `count` bits that are as likely set as not.
    fn raw(&mut self, count: u32, value: u32) -> u32;

    /// A number up to `limit`, in unary, each position with a context of its own up to `contexts`.
    #[inline]
    fn unary(&mut self, context: usize, contexts: usize, limit: usize, value: usize) -> usize {
        let mut count = 0;
        while count < limit && self.bit(context + count.min(contexts - 1), count < value) {
            count += 1;
        }
        count
    }

    /// An exponential Golomb code whose prefix is adaptive; values up to `2^16 - 2`.
    #[inline]
    fn golomb(&mut self, context: usize, value: u32) -> u32 {
        let size = (value + 1).ilog2() as usize;
        let size = self.unary(context, GOLOMB_CONTEXTS, 15, size) as u32;
        let offset = (value + 1) & ((1 << size) - 1);
        (1 << size) - 1 + self.raw(size, offset)
    }
}

/// Contexts of one exponential Golomb prefix.
const GOLOMB_CONTEXTS: usize = 8;

/// Statistics are kept apart for this many classes of pictures.
const STATISTICS: usize = 3;

/// Where the contexts of each syntax element start.
mod element {
    use super::GOLOMB_CONTEXTS;

    pub(super) const SPLIT: usize = 0;
    pub(super) const SKIP: usize = SPLIT + 3;
    pub(super) const INTRA: usize = SKIP + 3;
    pub(super) const PARTITION: usize = INTRA + 3;
    pub(super) const MERGE: usize = PARTITION + 3;
    pub(super) const MERGE_INDEX: usize = MERGE + 1;
    pub(super) const DIRECTION: usize = MERGE_INDEX + 5;
    pub(super) const REFERENCE: usize = DIRECTION + 5;
    pub(super) const PREDICTOR: usize = REFERENCE + 3;
    pub(super) const DIFFERENCE: usize = PREDICTOR + 1;
    pub(super) const MODE_LISTED: usize = DIFFERENCE + 2 * GOLOMB_CONTEXTS;
    pub(super) const MODE_INDEX: usize = MODE_LISTED + 1;
    pub(super) const CHROMA_MODE: usize = MODE_INDEX + 2;
    pub(super) const RESIDUAL: usize = CHROMA_MODE + 1;
    pub(super) const TRANSFORM_SPLIT: usize = RESIDUAL + 1;
    pub(super) const CODED_LUMA: usize = TRANSFORM_SPLIT + 6;
    pub(super) const CODED_CHROMA: usize = CODED_LUMA + 2;
    pub(super) const LAST: usize = CODED_CHROMA + 4;
    pub(super) const GROUP: usize = LAST + 2 * 2 * 4 * 10;
    pub(super) const SIGNIFICANT: usize = GROUP + 2 * 3;
    pub(super) const ABOVE_ONE: usize = SIGNIFICANT + 2 * 4 * 12;
    pub(super) const ABOVE_TWO: usize = ABOVE_ONE + 2 * 20;
    pub(super) const ESCAPE: usize = ABOVE_TWO + 2 * 20;
    pub(super) const SAO_LEFT: usize = ESCAPE + 4 * GOLOMB_CONTEXTS;
    pub(super) const SAO_KIND: usize = SAO_LEFT + 1;
    pub(super) const SAO_OFFSET: usize = SAO_KIND + 2 * 2;
    pub(super) const COUNT: usize = SAO_OFFSET + GOLOMB_CONTEXTS;
}

/// All probabilities of a group of pictures.
type Contexts = Vec<Context>;

/// Where probabilities start, in 1/256, per class of pictures: averages over what the encoder wrote for a few dozen
/// pictures of seven clips at three qualities. Elsewhere they are merely a first guess that adapts.
static INITIAL: [[u8; element::COUNT]; STATISTICS] = [
    [
        69, 142, 209, 95, 181, 231, 18, 111, 190, 254, 128, 128, 77, 79, 107, 120, 124, 97, 9, 23, 60, 96,
        124, 34, 128, 128, 73, 191, 156, 124, 105, 93, 82, 77, 63, 172, 149, 130, 130, 92, 85, 76, 42, 160,
        135, 107, 12, 106, 2, 45, 47, 80, 34, 24, 140, 169, 29, 128, 12, 121, 170, 119, 71, 128, 128, 128,
        128, 128, 128, 128, 172, 200, 194, 200, 64, 128, 128, 128, 128, 128, 184, 206, 212, 228, 180, 177,
        67, 128, 128, 128, 139, 182, 210, 227, 204, 212, 155, 132, 68, 128, 145, 108, 67, 128, 128, 128, 128,
        128, 128, 128, 155, 177, 163, 166, 55, 128, 128, 128, 128, 128, 190, 200, 197, 210, 159, 153, 62,
        128, 128, 128, 163, 193, 199, 214, 173, 190, 142, 128, 69, 128, 29, 57, 51, 128, 128, 128, 128, 128,
        128, 128, 34, 96, 92, 100, 59, 128, 128, 128, 128, 128, 45, 125, 123, 120, 80, 87, 39, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 30, 45, 30, 128, 128, 128, 128, 128, 128, 128, 46,
        94, 65, 93, 65, 128, 128, 128, 128, 128, 63, 104, 107, 134, 81, 74, 97, 128, 128, 128, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 77, 234, 254, 51, 223, 218, 84, 145, 166, 184, 59, 159, 193, 203,
        78, 163, 181, 209, 29, 127, 160, 198, 37, 148, 175, 201, 61, 158, 181, 212, 41, 115, 150, 189, 45,
        144, 172, 207, 91, 162, 191, 223, 48, 113, 150, 190, 58, 145, 175, 216, 130, 182, 197, 231, 93, 128,
        128, 128, 44, 152, 188, 171, 63, 180, 200, 214, 39, 124, 116, 138, 62, 143, 181, 192, 73, 160, 199,
        219, 49, 133, 165, 176, 63, 142, 176, 206, 86, 176, 200, 225, 128, 128, 128, 128, 128, 128, 128, 128,
        128, 128, 128, 128, 20, 80, 110, 117, 160, 31, 106, 133, 148, 178, 48, 135, 148, 167, 198, 67, 141,
        163, 171, 213, 23, 102, 128, 128, 128, 17, 113, 150, 141, 190, 21, 140, 150, 188, 189, 25, 171, 180,
        199, 216, 40, 67, 86, 118, 147, 45, 85, 121, 134, 166, 61, 107, 143, 154, 188, 86, 130, 153, 165,
        206, 44, 84, 149, 128, 128, 38, 72, 104, 131, 142, 54, 117, 159, 180, 188, 61, 130, 175, 180, 207,
        100, 59, 26, 19, 68, 89, 78, 128, 189, 132, 66, 29, 19, 36, 94, 128, 219, 192, 139, 65, 24, 16, 83,
        128, 238, 228, 196, 149, 76, 25, 49, 94, 216, 183, 39, 15, 201, 146, 199, 92, 116, 9, 83, 128, 128,
    ],
    [
        44, 113, 197, 30, 128, 200, 37, 153, 215, 254, 128, 128, 125, 60, 73, 61, 73, 59, 2, 2, 3, 9, 254,
        78, 128, 128, 59, 214, 140, 145, 157, 174, 152, 144, 80, 192, 124, 149, 152, 155, 150, 112, 38, 137,
        149, 115, 2, 174, 2, 36, 27, 65, 41, 35, 158, 189, 31, 128, 13, 100, 153, 140, 94, 128, 128, 128,
        128, 128, 128, 128, 176, 187, 186, 177, 68, 128, 128, 128, 128, 128, 172, 200, 202, 219, 179, 182,
        77, 128, 128, 128, 117, 157, 164, 205, 161, 181, 138, 107, 68, 128, 130, 119, 99, 128, 128, 128, 128,
        128, 128, 128, 157, 162, 152, 162, 56, 128, 128, 128, 128, 128, 169, 185, 173, 200, 148, 141, 71,
        128, 128, 128, 136, 149, 175, 195, 169, 176, 134, 164, 76, 128, 28, 50, 60, 128, 128, 128, 128, 128,
        128, 128, 29, 85, 92, 88, 66, 128, 128, 128, 128, 128, 32, 109, 120, 154, 121, 97, 67, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 21, 37, 51, 128, 128, 128, 128, 128, 128, 128, 31,
        77, 70, 75, 78, 128, 128, 128, 128, 128, 42, 93, 93, 117, 107, 80, 78, 128, 128, 128, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 66, 221, 250, 37, 205, 162, 111, 164, 209, 184, 67, 158, 183, 204,
        79, 147, 178, 202, 36, 121, 155, 187, 42, 131, 164, 204, 61, 140, 171, 209, 43, 110, 148, 191, 43,
        119, 168, 201, 81, 154, 181, 217, 44, 104, 148, 189, 58, 119, 164, 218, 108, 166, 184, 228, 72, 128,
        128, 128, 51, 154, 152, 184, 65, 185, 221, 232, 38, 126, 158, 138, 60, 144, 196, 212, 99, 177, 208,
        230, 46, 123, 167, 168, 67, 132, 168, 197, 69, 165, 198, 234, 128, 128, 128, 128, 128, 128, 128, 128,
        128, 128, 128, 128, 15, 84, 127, 138, 172, 20, 101, 129, 152, 185, 34, 119, 145, 166, 195, 75, 141,
        156, 179, 211, 12, 102, 128, 128, 128, 22, 115, 167, 191, 177, 24, 161, 180, 180, 208, 19, 177, 197,
        206, 231, 39, 75, 92, 117, 146, 40, 71, 111, 134, 173, 57, 99, 136, 158, 193, 105, 128, 152, 162,
        208, 44, 84, 149, 128, 128, 35, 88, 105, 148, 145, 58, 124, 161, 187, 210, 75, 151, 178, 193, 224,
        110, 60, 33, 30, 13, 94, 78, 128, 196, 146, 69, 34, 21, 80, 94, 128, 224, 201, 154, 71, 31, 43, 83,
        128, 238, 225, 206, 164, 92, 36, 54, 94, 219, 167, 37, 6, 38, 143, 211, 100, 88, 15, 83, 128, 128,
    ],
    [
        21, 99, 181, 95, 181, 231, 18, 111, 190, 254, 128, 128, 77, 79, 107, 120, 124, 97, 9, 23, 60, 96,
        124, 34, 128, 128, 73, 191, 156, 124, 105, 93, 82, 77, 63, 172, 149, 130, 130, 92, 85, 76, 42, 135,
        157, 121, 2, 106, 2, 45, 47, 45, 36, 51, 129, 205, 13, 128, 8, 85, 150, 125, 68, 128, 128, 128, 128,
        128, 128, 128, 170, 171, 160, 148, 58, 128, 128, 128, 128, 128, 157, 174, 179, 191, 154, 121, 67,
        128, 128, 128, 88, 153, 176, 191, 163, 164, 142, 143, 57, 128, 114, 102, 73, 128, 128, 128, 128, 128,
        128, 128, 132, 145, 147, 147, 68, 128, 128, 128, 128, 128, 143, 161, 148, 180, 140, 132, 70, 128,
        128, 128, 107, 153, 164, 177, 166, 178, 138, 149, 89, 128, 27, 49, 58, 128, 128, 128, 128, 128, 128,
        128, 30, 64, 86, 91, 59, 128, 128, 128, 128, 128, 40, 115, 112, 86, 94, 103, 58, 128, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 128, 128, 128, 15, 41, 38, 128, 128, 128, 128, 128, 128, 128, 28, 60,
        86, 86, 84, 128, 128, 128, 128, 128, 33, 73, 90, 117, 64, 72, 78, 128, 128, 128, 128, 128, 128, 128,
        128, 128, 128, 128, 128, 128, 39, 214, 247, 35, 140, 162, 70, 146, 209, 184, 64, 155, 175, 216, 80,
        145, 176, 208, 29, 118, 152, 197, 42, 128, 155, 196, 60, 138, 161, 206, 38, 112, 157, 186, 38, 123,
        160, 195, 63, 147, 178, 217, 39, 111, 152, 191, 39, 119, 164, 208, 68, 140, 168, 221, 72, 128, 128,
        128, 41, 186, 171, 220, 59, 171, 208, 225, 16, 118, 158, 138, 50, 161, 183, 175, 76, 173, 210, 231,
        34, 81, 154, 184, 40, 164, 171, 193, 81, 172, 172, 228, 128, 128, 128, 128, 128, 128, 128, 128, 128,
        128, 128, 128, 15, 80, 104, 146, 172, 18, 96, 126, 156, 186, 30, 125, 145, 160, 195, 37, 124, 152,
        167, 205, 48, 102, 128, 128, 128, 23, 128, 146, 107, 128, 20, 157, 191, 188, 196, 17, 174, 215, 222,
        233, 29, 63, 90, 108, 139, 34, 76, 115, 121, 169, 47, 95, 127, 145, 189, 62, 101, 127, 146, 194, 44,
        84, 149, 128, 128, 34, 74, 102, 94, 128, 52, 129, 167, 202, 195, 50, 127, 207, 220, 231, 91, 51, 30,
        30, 33, 94, 78, 128, 181, 125, 60, 37, 31, 68, 94, 128, 221, 198, 137, 69, 29, 41, 83, 128, 238, 215,
        199, 122, 85, 45, 94, 94, 252, 29, 39, 2, 89, 142, 213, 91, 128, 6, 83, 128, 128,
    ],
];

/// Probabilities before anything is known about the group.
fn fresh_contexts() -> Contexts {
    let start = |&probability: &u8| {
        let probability = u16::from(probability) << 8;
        Context { fast: probability, slow: probability }
    };
    INITIAL.iter().flatten().map(start).collect()
}

/// Where bits are written. A range coder with a 64-bit interval that moves 32 bits at a time; a carry ripples into
/// what is already out (Martin 1979, with more head room).
#[cfg(encoder)]
struct Writer {
    contexts: Contexts,
    /// Offset of the statistics in use.
    base: usize,
    low: u64,
    range: u64,
    out: Vec<u8>,
}

#[cfg(encoder)]
impl Writer {
    fn new() -> Self {
        Self { contexts: fresh_contexts(), base: 0, low: 0, range: u64::MAX, out: Vec::new() }
    }

    fn advance(&mut self, add: u64) {
        let (low, carry) = self.low.overflowing_add(add);
        self.low = low;
        if carry {
            for byte in self.out.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    fn shift(&mut self) {
        while self.range < 1 << 32 {
            self.out.extend_from_slice(&((self.low >> 32) as u32).to_be_bytes());
            self.low <<= 32;
            self.range <<= 32;
        }
    }

    /// The stream: as few bytes as name a number inside the final interval, given that missing ones read as zero.
    fn finish(mut self) -> Vec<u8> {
        let keep = (0..64).rev().find(|&bits| {
            let mask = (1_u64 << bits) - 1;
            let up = self.low.wrapping_add(mask) & !mask;
            up.wrapping_sub(self.low) < self.range
        });
        let mask = (1_u64 << keep.unwrap_or(0)) - 1;
        let up = self.low.wrapping_add(mask) & !mask;
        self.advance(up.wrapping_sub(self.low));
        self.out.extend_from_slice(&self.low.to_be_bytes());
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

#[cfg(encoder)]
impl Coder for Writer {
    const READS: bool = false;

    fn bit(&mut self, context: usize, value: bool) -> bool {
        let context = &mut self.contexts[self.base + context];
        let split = (self.range >> 16) * u64::from(context.probability());
        context.update(value);
        if value {
            self.range = split;
        } else {
            self.advance(split);
            self.range -= split;
        }
        self.shift();
        value
    }

    fn raw(&mut self, count: u32, value: u32) -> u32 {
        self.range >>= count;
        self.advance(self.range * u64::from(value));
        self.shift();
        value
    }
}

/// Where bits are read. Past the end there are zeros.
#[cfg(decoder)]
struct Reader<'a> {
    contexts: Contexts,
    base: usize,
    /// Distance of the stream's number from the bottom of the interval.
    code: u64,
    range: u64,
    bytes: &'a [u8],
}

#[cfg(decoder)]
impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { contexts: fresh_contexts(), base: 0, code: 0, range: u64::MAX, bytes };
        reader.code = reader.word() << 32 | reader.word();
        reader
    }

    fn word(&mut self) -> u64 {
        let mut word = [0; 4];
        let taken = self.bytes.len().min(4);
        word[..taken].copy_from_slice(&self.bytes[..taken]);
        self.bytes = &self.bytes[taken..];
        u64::from(u32::from_be_bytes(word))
    }

    #[inline]
    fn shift(&mut self) {
        while self.range < 1 << 32 {
            self.code = self.code << 32 | self.word();
            self.range <<= 32;
        }
    }
}

#[cfg(decoder)]
impl Coder for Reader<'_> {
    const READS: bool = true;

    #[inline]
    fn bit(&mut self, context: usize, _value: bool) -> bool {
        let context = &mut self.contexts[self.base + context];
        let split = (self.range >> 16) * u64::from(context.probability());
        let value = self.code < split;
        context.update(value);
        if value {
            self.range = split;
        } else {
            self.code -= split;
            self.range -= split;
        }
        self.shift();
        value
    }

    #[inline]
    fn raw(&mut self, count: u32, _value: u32) -> u32 {
        self.range >>= count;
        let value = (self.code / self.range).min((1 << count) - 1);
        self.code -= value * self.range;
        self.shift();
        value as u32
    }
}

/// Bits of a decision, in 1/1024.
#[cfg(encoder)]
const BIT: u64 = 1024;

/// Cost of a set bit by its probability.
#[cfg(encoder)]
struct Prices([u32; 257]);

#[cfg(encoder)]
impl Prices {
    fn new() -> Self {
        let price = |step: usize| (-((step as f64 + 0.25) / 256.5).log2() * BIT as f64).round() as u32;
        Self(std::array::from_fn(price))
    }

    #[inline]
    fn of(&self, context: Context, bit: bool) -> u32 {
        let probability = context.probability();
        let probability = if bit { probability } else { 65536 - probability };
        self.0[((probability + 128) >> 8) as usize]
    }
}

/// Counts what a decision would cost with the probabilities as they stand.
#[cfg(encoder)]
struct Counter<'a> {
    contexts: &'a [Context],
    prices: &'a Prices,
    bits: u64,
}

#[cfg(encoder)]
impl Coder for Counter<'_> {
    const READS: bool = false;

    #[inline]
    fn bit(&mut self, context: usize, value: bool) -> bool {
        self.bits += u64::from(self.prices.of(self.contexts[context], value));
        value
    }

    #[inline]
    fn raw(&mut self, count: u32, value: u32) -> u32 {
        self.bits += u64::from(count) * BIT;
        value
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Transforms and quantisation
// ---------------------------------------------------------------------------------------------------------------

/// Cosines of the 32-point transform: entry `j` stands for `cos(j * pi / 64)` (HEVC 8.6.4.2).
const COSINES: [i16; 33] = [
    90, 90, 90, 90, 89, 88, 87, 85, 83, 82, 80, 78, 75, 73, 70, 67, 64, 61, 57, 54, 50, 46, 43, 38, 36, 31,
    25, 22, 18, 13, 9, 4, 0,
];

/// The 4-point sine transform of small intra blocks, whose error grows away from the prediction's edge (HEVC).
const SINES: [[i16; 4]; 4] = [[29, 55, 74, 84], [74, 74, 0, -74], [84, -29, -74, 55], [55, -84, 74, -29]];

/// A transform matrix: rows are basis functions. `flat` has the basis in rows, `turned` in columns.
struct Basis {
    flat: [i16; TRANSFORM_MAX_AREA],
    turned: [i16; TRANSFORM_MAX_AREA],
}

impl Basis {
    const fn cosine(log2: usize) -> Self {
        let size = 1 << log2;
        let mut basis = Self { flat: [0; TRANSFORM_MAX_AREA], turned: [0; TRANSFORM_MAX_AREA] };
        let mut k = 0;
        while k < size {
            let mut n = 0;
            while n < size {
                // The angle in 64ths of pi, folded into the first quadrant.
                let angle = ((2 * n + 1) * k * (32 / size)) % 128;
                let folded = if angle > 64 { 128 - angle } else { angle };
                let value = if k == 0 {
                    64
                } else if folded > 32 {
                    -COSINES[64 - folded]
                } else {
                    COSINES[folded]
                };
                basis.flat[k * size + n] = value;
                basis.turned[n * size + k] = value;
                n += 1;
            }
            k += 1;
        }
        basis
    }

    const fn sine() -> Self {
        let mut basis = Self { flat: [0; TRANSFORM_MAX_AREA], turned: [0; TRANSFORM_MAX_AREA] };
        let mut k = 0;
        while k < 4 {
            let mut n = 0;
            while n < 4 {
                basis.flat[k * 4 + n] = SINES[k][n];
                basis.turned[n * 4 + k] = SINES[k][n];
                n += 1;
            }
            k += 1;
        }
        basis
    }

    /// The transform of a block: sine for small intra luma, cosine for everything else.
    fn of(log2: usize, sine: bool) -> &'static Self {
        static BASES: [Basis; 5] =
            [Basis::sine(), Basis::cosine(2), Basis::cosine(3), Basis::cosine(4), Basis::cosine(5)];
        &BASES[if sine { 0 } else { log2 - 1 }]
    }
}

/// `out = (left * right) >> shift`, rounded and saturated, over the first `inner` columns of `left` and the first
/// `width` columns of `right`; all three have rows of `SIZE`.
#[inline]
fn multiply<const SIZE: usize, const LANES: usize>(
    left: &[i16],
    right: &[i16],
    out: &mut [i16],
    (inner, width): (usize, usize),
    shift: u32,
) {
    let left = &left[..SIZE * SIZE];
    let right = &right[..SIZE * SIZE];
    let out = &mut out[..SIZE * SIZE];
    let round = 1 << (shift - 1);
    for (left, out) in left.chunks_exact(SIZE).zip(out.chunks_exact_mut(SIZE)) {
        for (part, out) in out.as_chunks_mut::<LANES>().0.iter_mut().enumerate().take(width.div_ceil(LANES)) {
            let mut sum = [round; LANES];
            for (&factor, row) in left[..inner].iter().zip(right.chunks_exact(SIZE)) {
                let row = &row[part * LANES..][..LANES];
                for lane in 0..LANES {
                    sum[lane] += i32::from(factor) * i32::from(row[lane]);
                }
            }
            for lane in 0..LANES {
                out[lane] = (sum[lane] >> shift).clamp(-32768, 32767) as i16;
            }
        }
    }
}

/// [`multiply`] for a side that is known when running.
fn multiply_by_size(
    log2: usize,
    left: &[i16],
    right: &[i16],
    out: &mut [i16],
    extent: (usize, usize),
    shift: u32,
) {
    match log2 {
        2 => multiply::<4, 4>(left, right, out, extent, shift),
        3 => multiply::<8, 8>(left, right, out, extent, shift),
        4 => multiply::<16, 8>(left, right, out, extent, shift),
        _ => multiply::<32, 8>(left, right, out, extent, shift),
    }
}

/// Residual to coefficients.
#[cfg(encoder)]
fn forward_transform(residual: &[i16], coefficients: &mut [i16], log2: usize, sine: bool) {
    let basis = Basis::of(log2, sine);
    let size = 1 << log2;
    let mut half = [0; TRANSFORM_MAX_AREA];
    let first_shift = log2 as u32 + BIT_DEPTH - 9;
    multiply_by_size(log2, &basis.flat, residual, &mut half, (size, size), first_shift);
    multiply_by_size(log2, &half, &basis.turned, coefficients, (size, size), log2 as u32 + 6);
}

/// Coefficients to residual; rows and columns beyond the last coefficient that is not zero cost nothing.
fn inverse_transform(coefficients: &[i16], residual: &mut [i16], log2: usize, sine: bool) {
    let basis = Basis::of(log2, sine);
    let size = 1 << log2;
    let mut rows = 0;
    let mut used = [0_i16; 1 << TRANSFORM_MAX_LOG2];
    for (y, row) in coefficients.chunks_exact(size).enumerate() {
        let mut any = 0;
        for (used, &value) in used.iter_mut().zip(row) {
            *used |= value;
            any |= value;
        }
        if any != 0 {
            rows = y + 1;
        }
    }
    let columns = used.iter().rposition(|&used| used != 0).map_or(0, |last| last + 1);
    let mut half = [0; TRANSFORM_MAX_AREA];
    multiply_by_size(log2, &basis.turned, coefficients, &mut half, (rows, columns), 7);
    multiply_by_size(log2, &half, &basis.flat, residual, (columns, size), 20 - BIT_DEPTH);
}

/// Quantiser steps within one doubling, `1024 * 2^(i / 24)`.
const STEPS: [i32; QP_OCTAVE as usize] = [
    1024, 1054, 1085, 1117, 1149, 1183, 1218, 1253, 1290, 1328, 1367, 1407, 1448, 1491, 1534, 1579, 1625,
    1673, 1722, 1773, 1825, 1878, 1933, 1989,
];

/// QP, in quarters, at which the quantiser's step is one eight-bit sample.
const QP_OF_UNIT_STEP: i32 = 4 * QP_UNITS;

/// The quantiser's step as `scale / 2^shift` coefficients: HEVC's `2^((QP - 4) / 6)` at quarter steps of QP.
fn dequantiser(qp: i32, log2: usize) -> (i32, i32) {
    // A coefficient is the orthonormal one times 2^(15 - BIT_DEPTH - log2); a sample was shifted by DEPTH_SHIFT.
    let qp = qp + QP_OCTAVE - QP_OF_UNIT_STEP;
    let octave = qp.div_euclid(QP_OCTAVE) - 1;
    let shift = 10 - DEPTH_SHIFT as i32 - (15 - BIT_DEPTH as i32 - log2 as i32) - octave;
    (STEPS[qp.rem_euclid(QP_OCTAVE) as usize], shift)
}

/// Levels to coefficients, in place.
fn dequantise(levels: &mut [i16], qp: i32, log2: usize) {
    let (scale, shift) = dequantiser(qp, log2);
    let (scale, shift) = if shift < 1 { (scale << (1 - shift), 1) } else { (scale, shift) };
    let round = 1_i32 << (shift - 1);
    for level in levels {
        let value = i32::from(*level).clamp(-(1 << 15), (1 << 15) - 1).saturating_mul(scale);
        *level = (value.saturating_add(round) >> shift).clamp(-32768, 32767) as i16;
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Syntax of coefficients
// ---------------------------------------------------------------------------------------------------------------

/// Positions of a square of groups or coefficients in diagonal order, low frequencies first, as `y << 4 | x`.
const fn diagonal_scan<const AREA: usize>(side: usize) -> [u8; AREA] {
    let mut scan = [0; AREA];
    let mut next = 0;
    let mut diagonal = 0;
    while diagonal < 2 * side - 1 {
        let mut x = 0;
        while x <= diagonal {
            let y = diagonal - x;
            if x < side && y < side {
                scan[next] = (y << 4 | x) as u8;
                next += 1;
            }
            x += 1;
        }
        diagonal += 1;
    }
    scan
}

static SCAN_1: [u8; 1] = [0];
static SCAN_2: [u8; 4] = diagonal_scan(2);
static SCAN_4: [u8; 16] = diagonal_scan(4);
static SCAN_8: [u8; 64] = diagonal_scan(8);

/// Order of the 4x4 groups of a transform.
fn group_scan(log2: usize) -> &'static [u8] {
    match log2 {
        2 => &SCAN_1,
        3 => &SCAN_2,
        4 => &SCAN_4,
        _ => &SCAN_8,
    }
}

/// Magnitudes already coded, with two rows and columns of zeros beyond the block so that templates need no bounds.
struct Magnitudes {
    data: [u8; MAGNITUDE_STRIDE * MAGNITUDE_STRIDE],
}

const MAGNITUDE_STRIDE: usize = (1 << TRANSFORM_MAX_LOG2) + 2;

/// What the five neighbours towards higher frequencies say about a coefficient.
#[derive(Clone, Copy)]
struct Template {
    sum: usize,
    count: usize,
}

impl Magnitudes {
    fn new() -> Self {
        Self { data: [0; MAGNITUDE_STRIDE * MAGNITUDE_STRIDE] }
    }

    fn set(&mut self, x: usize, y: usize, magnitude: u32) {
        self.data[y * MAGNITUDE_STRIDE + x] = magnitude.min(255) as u8;
    }

    #[inline]
    fn template(&self, x: usize, y: usize) -> Template {
        let here = &self.data[y * MAGNITUDE_STRIDE + x..][..=2 * MAGNITUDE_STRIDE];
        let near = [
            here[1],
            here[2],
            here[MAGNITUDE_STRIDE],
            here[MAGNITUDE_STRIDE + 1],
            here[2 * MAGNITUDE_STRIDE],
        ];
        let sum = near.iter().map(|&magnitude| usize::from(magnitude)).sum();
        let count = near.iter().map(|&magnitude| usize::from(magnitude != 0)).sum();
        Template { sum, count }
    }
}

/// Contexts of one coefficient.
#[derive(Clone, Copy)]
struct LevelContexts {
    significant: usize,
    above_one: usize,
    above_two: usize,
    escape: usize,
}

impl LevelContexts {
    #[inline]
    fn new(template: Template, x: usize, y: usize, log2: usize, chroma: bool) -> Self {
        let diagonal = x + y;
        let near = template.sum.div_ceil(2).min(3);
        let band = usize::from(diagonal < 2) + usize::from(diagonal < 5);
        let significant = element::SIGNIFICANT + (usize::from(chroma) * 4 + log2 - 2) * 12 + band * 4 + near;
        let over = (template.sum - template.count).min(4);
        let band = usize::from(diagonal == 0) + usize::from(diagonal < 3) + usize::from(diagonal < 10);
        let level = usize::from(chroma) * 20 + band * 5 + over;
        let class =
            usize::from(template.sum > 9) + usize::from(template.sum > 20) + usize::from(template.sum > 42);
        Self {
            significant,
            above_one: element::ABOVE_ONE + level,
            above_two: element::ABOVE_TWO + level,
            escape: element::ESCAPE + class * GOLOMB_CONTEXTS,
        }
    }
}

/// Prefix, length of the suffix and suffix of a last position along one axis (HEVC 9.3.3).
const fn last_parts(position: usize) -> (usize, u32, usize) {
    if position < 4 {
        (position, 0, 0)
    } else {
        let bits = position.ilog2() - 1;
        let prefix = 2 * (bits as usize + 1) + (position >> bits & 1);
        (prefix, bits, position & ((1 << bits) - 1))
    }
}

/// Codes the position of the last coefficient along one axis.
fn code_last<C: Coder>(coder: &mut C, axis: usize, position: usize, log2: usize, chroma: bool) -> usize {
    let context = element::LAST + ((usize::from(chroma) * 2 + axis) * 4 + log2 - 2) * 10;
    let (prefix, _, suffix) = last_parts(position);
    let prefix = coder.unary(context, 10, 2 * log2 - 1, prefix);
    if prefix < 4 {
        prefix
    } else {
        let bits = (prefix / 2 - 1) as u32;
        ((2 + (prefix & 1)) << bits) + coder.raw(bits, suffix as u32) as usize
    }
}

/// Codes the levels of one transform that has at least one; reading, `levels` arrive as zeros.
fn code_levels<C: Coder>(coder: &mut C, levels: &mut [i16], log2: usize, chroma: bool) {
    let groups = group_scan(log2);
    let mut last_group = groups.len() - 1;
    let mut last_place = 15;
    let (mut last_x, mut last_y) = (0, 0);
    if !C::READS {
        'search: for (group, &corner) in groups.iter().enumerate().rev() {
            let (group_x, group_y) = (usize::from(corner & 15) * 4, usize::from(corner >> 4) * 4);
            let any = (0..4).any(|y| {
                let row = &levels[(group_y + y) << log2 | group_x..][..4];
                row[0] | row[1] | row[2] | row[3] != 0
            });
            if any {
                for (place, &inner) in SCAN_4.iter().enumerate().rev() {
                    let (x, y) = (group_x + usize::from(inner & 15), group_y + usize::from(inner >> 4));
                    if levels[y << log2 | x] != 0 {
                        (last_group, last_place, last_x, last_y) = (group, place, x, y);
                        break 'search;
                    }
                }
            }
        }
    }
    last_x = code_last(coder, 0, last_x, log2, chroma);
    last_y = code_last(coder, 1, last_y, log2, chroma);
    if C::READS {
        let corner = (((last_y / 4) << 4) | (last_x / 4)) as u8;
        let inner = (((last_y % 4) << 4) | (last_x % 4)) as u8;
        last_group = groups.iter().position(|&group| group == corner).unwrap_or(0);
        last_place = SCAN_4.iter().position(|&place| place == inner).unwrap_or(0);
    }
    let mut magnitudes = Magnitudes::new();
    let mut group_used = [false; 9 * 9];
    for (group, &corner) in groups.iter().enumerate().take(last_group + 1).rev() {
        let (column, row) = (usize::from(corner & 15), usize::from(corner >> 4));
        let (group_x, group_y) = (column * 4, row * 4);
        let mut used = true;
        if group != last_group && group != 0 {
            if !C::READS {
                used = (0..4).any(|y| {
                    let row = &levels[(group_y + y) << log2 | group_x..][..4];
                    row[0] | row[1] | row[2] | row[3] != 0
                });
            }
            let near = usize::from(group_used[row * 9 + column + 1])
                + usize::from(group_used[(row + 1) * 9 + column]);
            used = coder.bit(element::GROUP + 3 * usize::from(chroma) + near, used);
        }
        group_used[row * 9 + column] = used;
        if !used {
            continue;
        }
        let first_place = if group == last_group { last_place } else { 15 };
        // A group said to be used whose other levels are all zero has one in its corner.
        let mut implied = group != last_group && group != 0;
        let mut places = [0; 16];
        let mut signs = 0;
        let mut count = 0;
        for (place, &inner) in SCAN_4.iter().enumerate().take(first_place + 1).rev() {
            let (x, y) = (group_x + usize::from(inner & 15), group_y + usize::from(inner >> 4));
            let index = y << log2 | x;
            let level = i32::from(levels[index]);
            let contexts = LevelContexts::new(magnitudes.template(x, y), x, y, log2, chroma);
            let is_last = group == last_group && place == last_place;
            let known = is_last || place == 0 && implied;
            if !known && !coder.bit(contexts.significant, level != 0) {
                continue;
            }
            implied = false;
            let magnitude = code_magnitude(coder, contexts, level.unsigned_abs());
            magnitudes.set(x, y, magnitude);
            if C::READS {
                levels[index] = magnitude.min(32767) as i16;
            }
            places[count] = index;
            count += 1;
            signs = signs << 1 | u32::from(level < 0);
        }
        signs = coder.raw(count as u32, signs);
        if C::READS {
            for (place, &index) in places[..count].iter().rev().enumerate() {
                if signs >> place & 1 != 0 {
                    levels[index] = -levels[index];
                }
            }
        }
    }
}

/// Codes a magnitude known not to be zero.
#[inline]
fn code_magnitude<C: Coder>(coder: &mut C, contexts: LevelContexts, magnitude: u32) -> u32 {
    if !coder.bit(contexts.above_one, magnitude > 1) {
        1
    } else if !coder.bit(contexts.above_two, magnitude > 2) {
        2
    } else {
        3 + coder.golomb(contexts.escape, magnitude.wrapping_sub(3))
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Intra prediction
// ---------------------------------------------------------------------------------------------------------------

/// Displacement of each direction over 32 samples (HEVC table 8-5), for modes 2 to 34.
const ANGLES: [i32; 33] = [
    32, 26, 21, 17, 13, 9, 5, 2, 0, -2, -5, -9, -13, -17, -21, -26, -32, -26, -21, -17, -13, -9, -5, -2, 0,
    2, 5, 9, 13, 17, 21, 26, 32,
];

/// Samples along the left and top of a block: from below the bottom-left corner upwards, the corner itself at
/// `2 * size`, then to the right.
type Edge = [i16; 4 * 32 + 1];

/// Collects the edge of a block; samples not yet decoded repeat the nearest that are (HEVC 8.4.4.2.2).
/// `x` and `y` are in samples of the plane.
fn intra_edge(frame: &Frame, plane: usize, x: usize, y: usize, log2: usize, edge: &mut Edge) {
    let size = 1 << log2;
    let scale = usize::from(plane != 0);
    let samples = &frame.picture.planes[plane];
    let unit = CELL >> 1 >> scale;
    let (luma_x, luma_y) = (x << scale, y << scale);
    let available = |dx: i32, dy: i32| {
        let (px, py) = (x as i32 + dx, y as i32 + dy);
        precedes_finely(frame, px << scale, py << scale, luma_x, luma_y)
    };
    let mut known = [false; 4 * 32 + 1];
    let corner = 2 * size;
    for start in (0..2 * size).step_by(unit) {
        if available(-1, start as i32) {
            for offset in start..start + unit {
                edge[corner - 1 - offset] = samples.data[samples.index(x as i32 - 1, (y + offset) as i32)];
                known[corner - 1 - offset] = true;
            }
        }
        if available(start as i32, -1) {
            let from = samples.index((x + start) as i32, y as i32 - 1);
            edge[corner + 1 + start..][..unit].copy_from_slice(&samples.data[from..from + unit]);
            known[corner + 1 + start..][..unit].fill(true);
        }
    }
    if available(-1, -1) {
        edge[corner] = samples.data[samples.index(x as i32 - 1, y as i32 - 1)];
        known[corner] = true;
    }
    let known = &known[..=4 * size];
    let Some(first) = known.iter().position(|&known| known) else {
        edge[..=4 * size].fill(1 << (BIT_DEPTH - 1));
        return;
    };
    let value = edge[first];
    edge[..first].fill(value);
    for index in first + 1..=4 * size {
        if !known[index] {
            edge[index] = edge[index - 1];
        }
    }
}

/// [`Frame::precedes`] at the grain of 4x4 luma blocks.
fn precedes_finely(frame: &Frame, x: i32, y: i32, here_x: usize, here_y: usize) -> bool {
    if x < 0 || y < 0 || x as usize >= frame.width() || y as usize >= frame.height() {
        return false;
    }
    let order = |x: usize, y: usize| {
        let quarter = ((y / 4 % 2) << 1) | (x / 4 % 2);
        ((y / CTU, x / CTU), z_order(x / CELL, y / CELL) << 2 | quarter)
    };
    order(x as usize, y as usize) < order(here_x, here_y)
}

/// Smooths an edge with the filter 1 2 1 where the mode asks for it (HEVC 8.4.4.2.3); a long edge that is nearly
/// straight becomes straight.
fn smooth_edge(edge: &mut Edge, log2: usize, mode: u8) {
    let size = 1 << log2;
    let wanted = match mode {
        DC => false,
        PLANAR => log2 >= 3,
        _ => {
            let distance = mode.abs_diff(HORIZONTAL).min(mode.abs_diff(VERTICAL));
            distance > [10, 10, 10, 7, 1, 0][log2]
        }
    };
    if !wanted {
        return;
    }
    let last = 4 * size;
    let (low, corner, high) = (i32::from(edge[0]), i32::from(edge[2 * size]), i32::from(edge[last]));
    let bend = |end: i32, middle: i16| (corner + end - 2 * i32::from(middle)).abs();
    let flat = 1 << (BIT_DEPTH - 5);
    if log2 == 5 && bend(low, edge[size]) < flat && bend(high, edge[3 * size]) < flat {
        for step in 1..64 {
            let weight = step as i32;
            edge[step] = (((64 - weight) * low + weight * corner + 32) >> 6) as i16;
            edge[64 + step] = (((64 - weight) * corner + weight * high + 32) >> 6) as i16;
        }
        return;
    }
    let mut before = i32::from(edge[0]);
    for index in 1..last {
        let here = i32::from(edge[index]);
        edge[index] = ((before + 2 * here + i32::from(edge[index + 1]) + 2) >> 2) as i16;
        before = here;
    }
}

/// Predicts a block from its edge into `out`, whose rows are `size` long.
fn intra_predict(edge: &Edge, out: &mut [i16], log2: usize, mode: u8, luma: bool) {
    let size = 1 << log2;
    let corner = 2 * size;
    let (left, top) = (|y: usize| i32::from(edge[corner - 1 - y]), &edge[corner + 1..]);
    let soften = luma && log2 < 5;
    match mode {
        PLANAR => {
            let (right, below) = (i32::from(top[size]), left(size));
            for (y, row) in out.chunks_exact_mut(size).enumerate().take(size) {
                let start = left(y);
                for (x, sample) in row.iter_mut().enumerate() {
                    let across = (size - 1 - x) as i32 * start + (x + 1) as i32 * right;
                    let down = (size - 1 - y) as i32 * i32::from(top[x]) + (y + 1) as i32 * below;
                    *sample = ((across + down + size as i32) >> (log2 + 1)) as i16;
                }
            }
        }
        DC => {
            let sum: i32 = (0..size).map(|i| left(i) + i32::from(top[i])).sum();
            let mean = (sum + size as i32) >> (log2 + 1);
            out[..size * size].fill(mean as i16);
            if soften {
                for i in 1..size {
                    out[i] = ((i32::from(top[i]) + 3 * mean + 2) >> 2) as i16;
                    out[i * size] = ((left(i) + 3 * mean + 2) >> 2) as i16;
                }
                out[0] = ((left(0) + 2 * mean + i32::from(top[0]) + 2) >> 2) as i16;
            }
        }
        _ => intra_angular(edge, out, log2, mode, soften),
    }
}

/// Angular prediction: extends the main edge along a direction with two-tap interpolation (HEVC 8.4.4.2.6).
fn intra_angular(edge: &Edge, out: &mut [i16], log2: usize, mode: u8, soften: bool) {
    let size = 1_usize << log2;
    let corner = 2 * size;
    let vertical = mode >= 18;
    let angle = ANGLES[usize::from(mode - 2)];
    // Along the main edge, starting `size` before the corner.
    let mut line = [0_i16; 3 * 32 + 1];
    let main = |i: usize| if vertical { edge[corner + i] } else { edge[corner - i] };
    let side = |i: usize| if vertical { edge[corner - i] } else { edge[corner + i] };
    for i in 0..=2 * size {
        line[size + i] = main(i);
    }
    if angle < 0 {
        let inverse = (8192 + (-angle) / 2) / -angle;
        let reach = (size as i32 * angle) >> 5;
        for i in reach..0 {
            let along = ((-i * inverse + 128) >> 8) as usize;
            line[(size as i32 + i) as usize] = side(along.min(2 * size));
        }
    }
    let mut square = [0_i16; TRANSFORM_MAX_AREA];
    for (y, row) in square.chunks_exact_mut(size).enumerate().take(size) {
        let offset = (y as i32 + 1) * angle;
        let (whole, part) = (offset >> 5, offset & 31);
        let from = &line[(size as i32 + 1 + whole) as usize..];
        if part == 0 {
            row.copy_from_slice(&from[..size]);
        } else {
            let from = &from[..=size];
            for (sample, pair) in row.iter_mut().zip(from.windows(2)) {
                *sample = (((32 - part) * i32::from(pair[0]) + part * i32::from(pair[1]) + 16) >> 5) as i16;
            }
        }
    }
    if angle == 0 && soften {
        let start = i32::from(main(0));
        for y in 0..size {
            let value = i32::from(main(1)) + ((i32::from(side(y + 1)) - start) >> 1);
            square[y * size] = value.clamp(0, SAMPLE_MAX) as i16;
        }
    }
    if vertical {
        out[..size * size].copy_from_slice(&square[..size * size]);
    } else {
        for (y, row) in out.chunks_exact_mut(size).enumerate().take(size) {
            for (x, sample) in row.iter_mut().enumerate() {
                *sample = square[x * size + y];
            }
        }
    }
}

/// Predicts one transform block of the picture from its decoded neighbours.
fn predict_intra_block(
    frame: &Frame,
    plane: usize,
    (x, y): (usize, usize),
    log2: usize,
    mode: u8,
    out: &mut [i16],
) {
    let mut edge = [0; 4 * 32 + 1];
    intra_edge(frame, plane, x, y, log2, &mut edge);
    if plane == 0 {
        smooth_edge(&mut edge, log2, mode);
    }
    intra_predict(&edge, out, log2, mode, plane == 0);
}

/// The three most probable luma modes after those of the left and the above neighbour (HEVC 8.4.2).
fn probable_modes(left: u8, above: u8) -> [u8; 3] {
    if left == above {
        if left < 2 { [PLANAR, DC, VERTICAL] } else { [left, 2 + (left + 29) % 32, 2 + (left - 1) % 32] }
    } else {
        let third = [PLANAR, DC, VERTICAL].into_iter().find(|&mode| mode != left && mode != above);
        [left, above, third.unwrap_or(PLANAR)]
    }
}

/// Modes of the neighbours of one quarter of a coding unit.
fn neighbour_modes(frame: &Frame, (x, y): (usize, usize), unit: &CodingUnit, quarter: usize) -> [u8; 3] {
    let (qx, qy) = (quarter & 1, quarter >> 1);
    let (px, py) = (x + 4 * qx, y + 4 * qy);
    let of_cell = |x: usize, y: usize| frame.cell(x, y).intra[((y / 4 % 2) << 1) | (x / 4 % 2)];
    let left = match (qx, px.checked_sub(1)) {
        (1, _) => unit.intra[quarter - 1],
        (_, Some(px)) => of_cell(px, py),
        _ => DC,
    };
    let above = match (qy, py.checked_sub(1)) {
        (1, _) => unit.intra[quarter - 2],
        (_, Some(py)) => of_cell(px, py),
        _ => DC,
    };
    probable_modes(left, above)
}

// ---------------------------------------------------------------------------------------------------------------
// Inter prediction
// ---------------------------------------------------------------------------------------------------------------

/// Luma interpolation at quarters of a sample (HEVC table 8-11).
const LUMA_TAPS: [[i16; 8]; 4] = [
    [0, 0, 0, 64, 0, 0, 0, 0],
    [-1, 4, -10, 58, 17, -5, 1, 0],
    [-1, 4, -11, 40, 40, -11, 4, -1],
    [0, 1, -5, 17, 58, -10, 4, -1],
];

/// Chroma interpolation at eighths of a sample (HEVC table 8-12).
const CHROMA_TAPS: [[i16; 4]; 8] = [
    [0, 64, 0, 0],
    [-2, 58, 10, -2],
    [-4, 54, 16, -2],
    [-6, 46, 28, -4],
    [-4, 36, 36, -4],
    [-4, 28, 46, -6],
    [-2, 16, 54, -4],
    [-2, 10, 58, -2],
];

/// Samples of a coding unit's luma.
const UNIT_AREA: usize = CTU * CTU;

/// Samples that interpolation works on at once.
const LANES_MAX: usize = 8;

/// Weighted sums of `TAPS` consecutive samples (or rows, by `step`) at `LANES` positions.
#[inline(always)]
fn filter<const LANES: usize, const TAPS: usize>(
    source: &[i16],
    step: usize,
    taps: &[i16; TAPS],
) -> [i32; LANES] {
    let mut sum = [0; LANES];
    for (tap, &weight) in taps.iter().enumerate() {
        let samples = &source[tap * step..][..LANES];
        for lane in 0..LANES {
            sum[lane] += i32::from(weight) * i32::from(samples[lane]);
        }
    }
    sum
}

/// Interpolates a block to [`PREDICTION_BITS`]; `out` has rows of `out_stride`. `source` starts at the sample whose
/// fraction is zero, minus the filter's reach in both directions.
#[inline]
fn interpolate<const LANES: usize, const TAPS: usize>(
    (source, stride): (&[i16], usize),
    (width, height): (usize, usize),
    (across, down): (Option<&[i16; TAPS]>, Option<&[i16; TAPS]>),
    (out, out_stride): (&mut [i16], usize),
) {
    const FIRST_SHIFT: u32 = BIT_DEPTH - 8;
    let reach = TAPS / 2 - 1;
    match (across, down) {
        (None, None) => {
            for y in 0..height {
                let from = &source[(y + reach) * stride + reach..][..width];
                for (out, &sample) in out[y * out_stride..][..width].iter_mut().zip(from) {
                    *out = sample << PREDICTION_SHIFT;
                }
            }
        }
        (Some(taps), None) | (None, Some(taps)) => {
            let (step, corner) = if across.is_some() { (1, reach * stride) } else { (stride, reach) };
            for y in 0..height {
                for x in (0..width).step_by(LANES) {
                    let from = &source[corner + y * stride + x..][..(TAPS - 1) * step + LANES];
                    let sum: [i32; LANES] = filter(from, step, taps);
                    let out = &mut out[y * out_stride + x..][..LANES];
                    for lane in 0..LANES {
                        out[lane] = (sum[lane] >> FIRST_SHIFT) as i16;
                    }
                }
            }
        }
        (Some(across), Some(down)) => {
            let mut middle = [0_i16; LANES_MAX * (CTU + 8)];
            for x in (0..width).step_by(LANES) {
                let rows = height + TAPS - 1;
                for (y, row) in middle.as_chunks_mut::<LANES>().0.iter_mut().enumerate().take(rows) {
                    let from = &source[y * stride + x..][..TAPS - 1 + LANES];
                    let sum: [i32; LANES] = filter(from, 1, across);
                    for lane in 0..LANES {
                        row[lane] = (sum[lane] >> FIRST_SHIFT) as i16;
                    }
                }
                for y in 0..height {
                    let from = &middle[y * LANES..][..TAPS * LANES];
                    let sum: [i32; LANES] = filter(from, LANES, down);
                    let out = &mut out[y * out_stride + x..][..LANES];
                    for lane in 0..LANES {
                        out[lane] = (sum[lane] >> 6) as i16;
                    }
                }
            }
        }
    }
}

/// Predicts a block of a plane from one reference, to [`PREDICTION_BITS`]. Position and size are in samples of the
/// plane; the vector is in quarters of a luma sample whatever the plane.
fn predict_from(
    plane: &Plane,
    chroma: bool,
    (x, y): (usize, usize),
    (width, height): (usize, usize),
    mv: Mv,
    out: (&mut [i16], usize),
) {
    let bits = if chroma { 3 } else { 2 };
    let (dx, dy) = (i32::from(mv.x), i32::from(mv.y));
    let clamp = |at: usize, whole: i32, size: usize, limit: usize| {
        (at as i32 + whole).clamp(-(size as i32) - REACH, limit as i32 + REACH - 1)
    };
    let x = clamp(x, dx >> bits, width, plane.width);
    let y = clamp(y, dy >> bits, height, plane.height);
    let mask = (1 << bits) - 1;
    let (part_x, part_y) = ((dx & mask) as usize, (dy & mask) as usize);
    if chroma {
        let source = &plane.data[plane.index(x - 1, y - 1)..];
        let taps = |part: usize| (part != 0).then(|| &CHROMA_TAPS[part]);
        let filters = (taps(part_x), taps(part_y));
        if width % 8 == 0 {
            interpolate::<8, 4>((source, plane.stride), (width, height), filters, out);
        } else {
            interpolate::<4, 4>((source, plane.stride), (width, height), filters, out);
        }
    } else {
        let source = &plane.data[plane.index(x - 3, y - 3)..];
        let taps = |part: usize| (part != 0).then(|| &LUMA_TAPS[part]);
        interpolate::<8, 8>((source, plane.stride), (width, height), (taps(part_x), taps(part_y)), out);
    }
}

/// Rounds one prediction to samples, in place.
fn round_one(block: &mut [i16], stride: usize, (width, height): (usize, usize)) {
    const ROUND: i16 = 1 << (PREDICTION_SHIFT - 1);
    for row in block.chunks_mut(stride).take(height) {
        for sample in &mut row[..width] {
            *sample = (sample.saturating_add(ROUND) >> PREDICTION_SHIFT).clamp(0, SAMPLE_MAX as i16);
        }
    }
}

/// Averages two predictions to samples, into the first.
fn round_two(first: &mut [i16], second: &[i16], stride: usize, (width, height): (usize, usize)) {
    const ROUND: i32 = 1 << PREDICTION_SHIFT;
    for (first, second) in first.chunks_mut(stride).zip(second.chunks(stride)).take(height) {
        for (first, &second) in first[..width].iter_mut().zip(&second[..width]) {
            let sum = i32::from(*first) + i32::from(second) + ROUND;
            *first = (sum >> (PREDICTION_SHIFT + 1)).clamp(0, SAMPLE_MAX) as i16;
        }
    }
}

/// Predicts a block of a plane with the motion of a prediction unit; `out` has rows of `stride`.
fn predict_inter(
    frame: &Frame,
    plane: usize,
    (x, y): (usize, usize),
    (width, height): (usize, usize),
    motion: &Motion,
    (out, stride): (&mut [i16], usize),
) {
    let from = |list: usize, out: &mut [i16]| {
        let reference = &frame.lists[list][motion.reference[list] as usize];
        let samples = &reference.planes[plane];
        predict_from(samples, plane != 0, (x, y), (width, height), motion.mv[list], (out, stride));
    };
    if motion.uses(0) && motion.uses(1) {
        let mut second = [0; UNIT_AREA];
        from(0, out);
        from(1, &mut second);
        round_two(out, &second, stride, (width, height));
    } else {
        from(usize::from(!motion.uses(0)), out);
        round_one(out, stride, (width, height));
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Motion candidates
// ---------------------------------------------------------------------------------------------------------------

/// A prediction unit's place: the coding unit it belongs to and its own rectangle.
#[derive(Clone, Copy)]
struct Place {
    unit: (usize, usize, usize),
    rect: (usize, usize, usize, usize),
    second: bool,
}

impl Place {
    /// The prediction units of a coding unit.
    fn all(x: usize, y: usize, log2: usize, partition: Partition) -> ([Self; 2], usize) {
        let size = 1 << log2;
        let (rects, count) = partition.units(size);
        let place = |index: usize| {
            let (dx, dy, width, height) = rects[index];
            Self { unit: (x, y, size), rect: (x + dx, y + dy, width, height), second: index == 1 }
        };
        ([place(0), place(1)], count)
    }

    /// The prediction unit's rectangle in a plane.
    fn plane_rect(&self, plane: usize) -> (usize, usize, usize, usize) {
        let (x, y, width, height) = self.rect;
        if plane == 0 { self.rect } else { (x / 2, y / 2, width / 2, height / 2) }
    }

    /// Motion at a luma position if it is known by now.
    fn motion_at<'a>(&self, frame: &'a Frame, x: i32, y: i32) -> Option<&'a Motion> {
        let (unit_x, unit_y, size) = self.unit;
        let inside = |at: i32, start: usize, size: usize| at >= start as i32 && at < (start + size) as i32;
        let known = if inside(x, unit_x, size) && inside(y, unit_y, size) {
            let (own_x, own_y, width, height) = self.rect;
            self.second && !(inside(x, own_x, width) && inside(y, own_y, height))
        } else {
            frame.precedes(x, y, unit_x, unit_y)
        };
        if !known {
            return None;
        }
        let cell = frame.cell(x as usize, y as usize);
        (cell.kind != Kind::Intra).then_some(&cell.motion)
    }

    /// Motion of the five spatial neighbours: left, above, above right, below left, above left.
    fn spatial<'a>(&self, frame: &'a Frame) -> impl Iterator<Item = &'a Motion> + use<'a> {
        let (x, y, width, height) = self.rect;
        let (x, y, right, below) = (x as i32, y as i32, (x + width) as i32, (y + height) as i32);
        let spots = [(x - 1, below - 1), (right - 1, y - 1), (right, y - 1), (x - 1, below), (x - 1, y - 1)];
        let place = *self;
        spots.into_iter().filter_map(move |(x, y)| place.motion_at(frame, x, y))
    }

    /// The vector that the collocated block of another picture suggests for a reference.
    fn temporal(&self, frame: &Frame, list: usize, reference: i8) -> Option<Mv> {
        let other = frame.lists[1].first()?;
        let (x, y, width, height) = self.rect;
        let wanted = frame.picture.poc - frame.reference_poc(list, reference);
        let fetch = |x: usize, y: usize| {
            if x >= frame.width() || y >= frame.height() {
                return None;
            }
            let past = &other.motion[(y / CELL) * frame.columns + x / CELL];
            let source = if past.poc[list].is_some() { list } else { 1 - list };
            let have = other.poc - i32::from(past.poc[source]?);
            Some(past.mv[source].scaled(wanted, have))
        };
        fetch(x + width, y + height).or_else(|| fetch(x + width / 2, y + height / 2))
    }

    /// Candidates whose whole motion may be taken over: neighbours, the collocated block, mixtures, no motion.
    fn merge_candidates(&self, frame: &Frame) -> [Motion; MERGE_CANDIDATES] {
        let mut list = [Motion::NONE; MERGE_CANDIDATES];
        let mut count = 0;
        let mut push = |motion: Motion, count: &mut usize| {
            if *count < MERGE_CANDIDATES && !list[..*count].contains(&motion) {
                list[*count] = motion;
                *count += 1;
            }
        };
        for motion in self.spatial(frame).take(4) {
            push(*motion, &mut count);
        }
        let both = !frame.lists[1].is_empty();
        let suggestion = [self.temporal(frame, 0, 0), if both { self.temporal(frame, 1, 0) } else { None }];
        if suggestion != [None; 2] {
            let reference = suggestion.map(|mv| if mv.is_some() { 0 } else { -1 });
            push(Motion { mv: suggestion.map(Option::unwrap_or_default), reference }, &mut count);
        }
        let spatial = count;
        'mix: for second in 1..spatial {
            for first in 0..second {
                for (a, b) in [(first, second), (second, first)] {
                    if count == MERGE_CANDIDATES {
                        break 'mix;
                    }
                    let (a, b) = (list[a], list[b]);
                    if a.uses(0) && b.uses(1) {
                        let mixed =
                            Motion { mv: [a.mv[0], b.mv[1]], reference: [a.reference[0], b.reference[1]] };
                        if !list[..count].contains(&mixed) {
                            list[count] = mixed;
                            count += 1;
                        }
                    }
                }
            }
        }
        let references = frame.lists[0].len().min(frame.lists[1].len());
        let mut next = 0;
        while count < MERGE_CANDIDATES {
            let reference = if next < references { next as i8 } else { 0 };
            list[count] = Motion { mv: [Mv::ZERO; 2], reference: [reference; 2] };
            count += 1;
            next += 1;
        }
        list
    }

    /// Two predictors for a vector into a reference.
    fn predictors(&self, frame: &Frame, list: usize, reference: i8) -> [Mv; 2] {
        let mut found = [Mv::ZERO; 2];
        let mut count = 0;
        let mut push = |mv: Mv| {
            if count < 2 && (count == 0 || found[0] != mv) {
                found[count] = mv;
                count += 1;
            }
        };
        let poc = frame.reference_poc(list, reference);
        let wanted = frame.picture.poc - poc;
        for exact in [true, false] {
            for motion in self.spatial(frame) {
                for source in [list, 1 - list] {
                    if motion.uses(source) {
                        let other = frame.reference_poc(source, motion.reference[source]);
                        if exact == (other == poc) {
                            push(motion.mv[source].scaled(wanted, frame.picture.poc - other));
                        }
                    }
                }
            }
            if exact && let Some(mv) = self.temporal(frame, list, reference) {
                push(mv);
            }
        }
        found
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Syntax of coding units
// ---------------------------------------------------------------------------------------------------------------

/// Codes everything about a unit but its levels.
fn code_unit<C: Coder>(coder: &mut C, frame: &Frame, x: usize, y: usize, log2: usize, unit: &mut CodingUnit) {
    if !frame.plan.is_intra() {
        let context = element::SKIP + frame.count_neighbours(x, y, |cell| cell.kind == Kind::Skip);
        if coder.bit(context, unit.kind == Kind::Skip) {
            unit.kind = Kind::Skip;
            let merge = code_merge_index(coder, unit.units[0].merge);
            unit.units[0].merge = Some(merge);
            return;
        }
        let context = element::INTRA + frame.count_neighbours(x, y, |cell| cell.kind == Kind::Intra);
        unit.kind = if coder.bit(context, unit.kind == Kind::Intra) { Kind::Intra } else { Kind::Inter };
    }
    if unit.kind == Kind::Intra {
        code_intra_modes(coder, frame, x, y, log2, unit);
    } else {
        code_partition(coder, log2, unit);
        let count = unit.partition.units(CTU).1;
        for index in 0..count {
            code_motion(coder, frame, log2, &mut unit.units[index]);
        }
        let merged = unit.partition == Partition::Whole && unit.units[0].merge.is_some();
        // A merged unit without a residual would have been skipped.
        if !merged && !coder.bit(element::RESIDUAL, unit.coded != 0) {
            return;
        }
        if log2 <= TRANSFORM_MAX_LOG2 {
            unit.transform_split = coder.bit(element::TRANSFORM_SPLIT + log2 - 3, unit.transform_split);
        }
    }
    let (count, _) = unit.transforms(log2);
    let (chroma_count, _) = unit.chroma_transforms(log2);
    for plane in [1, 2] {
        for transform in 0..chroma_count {
            let context = element::CODED_CHROMA + 2 * usize::from(plane == 2);
            let context = context + usize::from(plane == 2 && unit.is_coded(1, transform));
            let coded = coder.bit(context, unit.is_coded(plane, transform));
            unit.set_coded(plane, transform, coded);
        }
    }
    let must = unit.kind != Kind::Intra && count == 1 && unit.coded >> 4 == 0;
    for transform in 0..count {
        let coded =
            must || coder.bit(element::CODED_LUMA + usize::from(count == 1), unit.is_coded(0, transform));
        unit.set_coded(0, transform, coded);
    }
}

fn code_merge_index<C: Coder>(coder: &mut C, merge: Option<u8>) -> u8 {
    coder.unary(element::MERGE_INDEX, 5, MERGE_CANDIDATES - 1, usize::from(merge.unwrap_or(0))) as u8
}

fn code_partition<C: Coder>(coder: &mut C, log2: usize, unit: &mut CodingUnit) {
    if log2 > CELL_LOG2 && !coder.bit(element::PARTITION, unit.partition == Partition::Whole) {
        let rows = coder.bit(element::PARTITION + 1, unit.partition == Partition::Rows);
        unit.partition = if rows { Partition::Rows } else { Partition::Columns };
    }
}

/// Codes the motion of a prediction unit: a merge index, or references and vector differences.
fn code_motion<C: Coder>(coder: &mut C, frame: &Frame, log2: usize, unit: &mut Unit) {
    if coder.bit(element::MERGE, unit.merge.is_some()) {
        unit.merge = Some(code_merge_index(coder, unit.merge));
        return;
    }
    let both = unit.motion.uses(0) && unit.motion.uses(1);
    let both = coder.bit(element::DIRECTION + log2 - CELL_LOG2, both);
    let first = both || coder.bit(element::DIRECTION + 4, unit.motion.uses(0));
    for (list, used) in [(0, first), (1, both || !first)] {
        if !used {
            unit.motion.reference[list] = -1;
            continue;
        }
        let limit = frame.lists[list].len() - 1;
        let reference = unit.motion.reference[list].max(0) as usize;
        unit.motion.reference[list] = coder.unary(element::REFERENCE, 3, limit, reference) as i8;
        unit.difference[list] = Mv {
            x: code_difference(coder, 0, unit.difference[list].x),
            y: code_difference(coder, 1, unit.difference[list].y),
        };
        unit.predictor[list] = u8::from(coder.bit(element::PREDICTOR, unit.predictor[list] != 0));
    }
}

fn code_difference<C: Coder>(coder: &mut C, axis: usize, difference: i16) -> i16 {
    let context = element::DIFFERENCE + axis * GOLOMB_CONTEXTS;
    let size = coder.golomb(context, u32::from(difference.unsigned_abs()));
    let negative = size != 0 && coder.raw(1, u32::from(difference < 0)) != 0;
    let size = size as i32;
    (if negative { -size } else { size }) as i16
}

fn code_intra_modes<C: Coder>(
    coder: &mut C,
    frame: &Frame,
    x: usize,
    y: usize,
    log2: usize,
    unit: &mut CodingUnit,
) {
    if log2 <= TRANSFORM_MAX_LOG2 {
        unit.transform_split = coder.bit(element::TRANSFORM_SPLIT + 3 + log2 - 3, unit.transform_split);
    }
    let quarters = if log2 == CELL_LOG2 && unit.transform_split { 4 } else { 1 };
    for quarter in 0..quarters {
        let probable = neighbour_modes(frame, (x, y), unit, quarter);
        unit.intra[quarter] = code_intra_mode(coder, probable, unit.intra[quarter]);
        if quarters == 1 {
            unit.intra = [unit.intra[0]; 4];
        }
    }
    if coder.bit(element::CHROMA_MODE, unit.intra_chroma != 0) {
        unit.intra_chroma = 1 + coder.raw(2, u32::from(unit.intra_chroma.wrapping_sub(1)) & 3) as u8;
    } else {
        unit.intra_chroma = 0;
    }
}

fn code_intra_mode<C: Coder>(coder: &mut C, probable: [u8; 3], mode: u8) -> u8 {
    let listed = probable.iter().position(|&other| other == mode);
    if coder.bit(element::MODE_LISTED, listed.is_some()) {
        return probable[coder.unary(element::MODE_INDEX, 2, 2, listed.unwrap_or(0))];
    }
    let mut sorted = probable;
    sorted.sort_unstable();
    let rank = mode - sorted.iter().filter(|&&other| other < mode).count() as u8;
    let mut mode = coder.raw(5, u32::from(rank)) as u8;
    for other in sorted {
        mode += u8::from(mode >= other);
    }
    mode
}

/// Levels of one coding tree unit, each coding unit's samples together in coding order.
struct Levels {
    planes: [Vec<i16>; 3],
}

impl Levels {
    fn new() -> Self {
        Self { planes: [vec![0; UNIT_AREA], vec![0; UNIT_AREA / 4], vec![0; UNIT_AREA / 4]] }
    }

    /// The levels of one transform of the coding unit at `(x, y)`.
    fn of(&mut self, (x, y): (usize, usize), plane: usize, transform: usize, log2: usize) -> &mut [i16] {
        let area = if plane == 0 { CELL * CELL } else { CELL * CELL / 4 };
        let start = z_order(x / CELL, y / CELL) * area + (transform << (2 * log2));
        &mut self.planes[plane][start..][..1 << (2 * log2)]
    }
}

/// The transforms of a coding unit, plane by plane, as (plane, index, x, y, log2) in samples of the plane.
fn each_transform(
    unit: &CodingUnit,
    (x, y): (usize, usize),
    log2: usize,
    mut visit: impl FnMut(usize, usize, (usize, usize), usize),
) {
    for plane in 0..3 {
        let (count, side) = if plane == 0 { unit.transforms(log2) } else { unit.chroma_transforms(log2) };
        let (x, y) = if plane == 0 { (x, y) } else { (x / 2, y / 2) };
        for transform in 0..count {
            visit(plane, transform, (x + ((transform & 1) << side), y + ((transform >> 1) << side)), side);
        }
    }
}

/// Codes the levels of a coding unit.
fn code_unit_levels<C: Coder>(
    coder: &mut C,
    (x, y): (usize, usize),
    log2: usize,
    unit: &CodingUnit,
    levels: &mut Levels,
) {
    each_transform(unit, (x, y), log2, |plane, transform, _, side| {
        if unit.is_coded(plane, transform) {
            let levels = levels.of((x, y), plane, transform, side);
            if C::READS {
                levels.fill(0);
            }
            code_levels(coder, levels, side, plane != 0);
        }
    });
}

/// Whether a unit may be coded whole here: it lies inside the picture, or is as small as can be.
fn fits(frame: &Frame, x: usize, y: usize, log2: usize) -> bool {
    let size = 1 << log2;
    x + size <= frame.width() && y + size <= frame.height()
}

/// Codes whether a unit that fits is split.
fn code_split<C: Coder>(coder: &mut C, frame: &Frame, x: usize, y: usize, log2: usize, split: bool) -> bool {
    let context = element::SPLIT + frame.count_neighbours(x, y, |cell| usize::from(cell.log2) < log2);
    coder.bit(context, split)
}

/// Corners of the four quarters of a block.
fn quarters(x: usize, y: usize, log2: usize) -> [(usize, usize); 4] {
    let half = 1 << (log2 - 1);
    [(x, y), (x + half, y), (x, y + half), (x + half, y + half)]
}

/// Adds a transform's residual to the prediction in the picture, and clears the levels.
fn add_residual(
    plane: &mut Plane,
    (x, y): (usize, usize),
    log2: usize,
    levels: &mut [i16],
    qp: i32,
    sine: bool,
) {
    let size = 1 << log2;
    dequantise(levels, qp, log2);
    let mut residual = [0; TRANSFORM_MAX_AREA];
    inverse_transform(levels, &mut residual, log2, sine);
    for (row, residual) in residual.chunks_exact(size).enumerate().take(size) {
        let at = plane.inside(x, y + row);
        for (sample, &residual) in plane.data[at..at + size].iter_mut().zip(residual) {
            *sample = sample.saturating_add(residual).clamp(0, SAMPLE_MAX as i16);
        }
    }
}

/// Copies a block with rows of `stride` into a plane.
fn put_block(
    plane: &mut Plane,
    (x, y): (usize, usize),
    (width, height): (usize, usize),
    block: &[i16],
    stride: usize,
) {
    for row in 0..height {
        let at = plane.inside(x, y + row);
        plane.data[at..at + width].copy_from_slice(&block[row * stride..][..width]);
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Deblocking
// ---------------------------------------------------------------------------------------------------------------

/// Threshold of the deblocking decision by QP (HEVC table 8-12).
const BETA: [u8; 52] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 22,
    24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62, 64,
];

/// Clipping bound of the deblocking filter by QP, strength included (HEVC table 8-12).
const TC: [u8; 54] = [
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
    4, 4, 4, 5, 5, 6, 6, 7, 8, 9, 10, 11, 13, 14, 16, 18, 20, 22, 24,
];

/// How strongly the edge between two cells is filtered: 2 next to intra, 1 next to coefficients or unequal motion.
fn edge_strength(frame: &Frame, here: &Cell, there: &Cell, transform_edge: bool) -> i32 {
    if here.kind == Kind::Intra || there.kind == Kind::Intra {
        return if transform_edge { 2 } else { 0 };
    }
    if transform_edge && (here.coded || there.coded) {
        return 1;
    }
    if here.motion == there.motion {
        return 0;
    }
    // Compare by picture, whichever list it was reached through.
    let hypotheses = |cell: &Cell| {
        [0, 1].map(|list| {
            cell.motion
                .uses(list)
                .then(|| (frame.reference_poc(list, cell.motion.reference[list]), cell.motion.mv[list]))
        })
    };
    let near = |a: Option<(i32, Mv)>, b: Option<(i32, Mv)>| match (a, b) {
        (None, None) => true,
        (Some((poc_a, a)), Some((poc_b, b))) => {
            let far = |a: i16, b: i16| (i32::from(a) - i32::from(b)).abs() >= 4;
            poc_a == poc_b && !far(a.x, b.x) && !far(a.y, b.y)
        }
        _ => false,
    };
    let (a, b) = (hypotheses(here), hypotheses(there));
    i32::from(!(near(a[0], b[0]) && near(a[1], b[1]) || near(a[0], b[1]) && near(a[1], b[0])))
}

/// Filters all edges of the picture, first the vertical ones, then the horizontal ones.
fn deblock(frame: &mut Frame, header: &Header) {
    for across in [true, false] {
        for row in 0..frame.rows {
            for column in 0..frame.columns {
                if if across { column == 0 } else { row == 0 } {
                    continue;
                }
                let index = row * frame.columns + column;
                let here = &frame.cells[index];
                let there = &frame.cells[if across { index - 1 } else { index - frame.columns }];
                let place = if across { column } else { row };
                let transform_edge = (place * CELL).is_multiple_of(1 << here.transform_log2);
                let strength = edge_strength(frame, here, there, transform_edge);
                if strength == 0 {
                    continue;
                }
                deblock_luma(frame, header, (column * CELL, row * CELL), across, strength);
                if strength == 2 && place % 2 == 0 {
                    for plane in [1, 2] {
                        deblock_chroma(frame, header, plane, (column * CELL / 2, row * CELL / 2), across);
                    }
                }
            }
        }
    }
}

/// The filter's two thresholds.
fn deblock_thresholds(qp: i32, header: &Header, strength: i32) -> (i32, i32) {
    let qp = (qp + QP_UNITS / 2) / QP_UNITS;
    let beta = BETA[(qp + 2 * header.deblock_beta).clamp(0, 51) as usize];
    let tc = TC[(qp + 2 * (strength - 1) + 2 * header.deblock_tc).clamp(0, 53) as usize];
    (i32::from(beta) << DEPTH_SHIFT, i32::from(tc) << DEPTH_SHIFT)
}

/// Filters one cell's luma edge in two parts of four lines (HEVC 8.7.2.5).
fn deblock_luma(frame: &mut Frame, header: &Header, (x, y): (usize, usize), across: bool, strength: i32) {
    let (beta, tc) = deblock_thresholds(frame.qp, header, strength);
    if beta == 0 || tc == 0 {
        return;
    }
    let plane = &mut frame.picture.planes[0];
    let (step, along) = if across { (1, plane.stride) } else { (plane.stride, 1) };
    for part in 0..2 {
        let start = plane.inside(x, y) + 4 * part * along - 4 * step;
        let data = &mut plane.data[start..][..=3 * along + 7 * step];
        let line = |data: &[i16], line: usize| -> [i32; 8] {
            std::array::from_fn(|i| i32::from(data[line * along + i * step]))
        };
        let (first, last) = (line(data, 0), line(data, 3));
        let bend = |s: &[i32; 8]| ((s[1] - 2 * s[2] + s[3]).abs(), (s[6] - 2 * s[5] + s[4]).abs());
        let ((dp0, dq0), (dp3, dq3)) = (bend(&first), bend(&last));
        if dp0 + dq0 + dp3 + dq3 >= beta {
            continue;
        }
        let strong = |s: &[i32; 8], d: i32| {
            2 * d < beta >> 2
                && (s[0] - s[3]).abs() + (s[4] - s[7]).abs() < beta >> 3
                && (s[3] - s[4]).abs() < (5 * tc + 1) >> 1
        };
        let strong = strong(&first, dp0 + dq0) && strong(&last, dp3 + dq3);
        let side = (beta + (beta >> 1)) >> 3;
        let (side_p, side_q) = (dp0 + dp3 < side, dq0 + dq3 < side);
        for number in 0..4 {
            let s = line(data, number);
            let mut t = s;
            let [p3, p2, p1, p0, q0, q1, q2, q3] = s;
            if strong {
                let bound = |value: i32, old: i32| value.clamp(old - 2 * tc, old + 2 * tc);
                t[3] = bound((p2 + 2 * p1 + 2 * p0 + 2 * q0 + q1 + 4) >> 3, p0);
                t[2] = bound((p2 + p1 + p0 + q0 + 2) >> 2, p1);
                t[1] = bound((2 * p3 + 3 * p2 + p1 + p0 + q0 + 4) >> 3, p2);
                t[4] = bound((p1 + 2 * p0 + 2 * q0 + 2 * q1 + q2 + 4) >> 3, q0);
                t[5] = bound((p0 + q0 + q1 + q2 + 2) >> 2, q1);
                t[6] = bound((p0 + q0 + q1 + 3 * q2 + 2 * q3 + 4) >> 3, q2);
            } else {
                let delta = (9 * (q0 - p0) - 3 * (q1 - p1) + 8) >> 4;
                if delta.abs() >= 10 * tc {
                    continue;
                }
                let delta = delta.clamp(-tc, tc);
                t[3] = (p0 + delta).clamp(0, SAMPLE_MAX);
                t[4] = (q0 - delta).clamp(0, SAMPLE_MAX);
                let half = tc >> 1;
                if side_p {
                    let delta = ((((p2 + p0 + 1) >> 1) - p1 + delta) >> 1).clamp(-half, half);
                    t[2] = (p1 + delta).clamp(0, SAMPLE_MAX);
                }
                if side_q {
                    let delta = ((((q2 + q0 + 1) >> 1) - q1 - delta) >> 1).clamp(-half, half);
                    t[5] = (q1 + delta).clamp(0, SAMPLE_MAX);
                }
            }
            for (i, &value) in t.iter().enumerate() {
                data[number * along + i * step] = value as i16;
            }
        }
    }
}

/// Filters four lines of a chroma edge next to intra (HEVC 8.7.2.5.5).
fn deblock_chroma(frame: &mut Frame, header: &Header, plane: usize, (x, y): (usize, usize), across: bool) {
    let (_, tc) = deblock_thresholds(frame.chroma_qp, header, 2);
    let plane = &mut frame.picture.planes[plane];
    let (step, along) = if across { (1, plane.stride) } else { (plane.stride, 1) };
    let start = plane.inside(x, y) - 2 * step;
    for line in 0..4 {
        let at = |i: usize| start + line * along + i * step;
        let [p1, p0, q0, q1] = [0, 1, 2, 3].map(|i| i32::from(plane.data[at(i)]));
        let delta = ((((q0 - p0) << 2) + p1 - q1 + 4) >> 3).clamp(-tc, tc);
        plane.data[at(1)] = (p0 + delta).clamp(0, SAMPLE_MAX) as i16;
        plane.data[at(2)] = (q0 - delta).clamp(0, SAMPLE_MAX) as i16;
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Sample-adaptive offset
// ---------------------------------------------------------------------------------------------------------------

/// How the samples of one plane of a coding tree unit are corrected (HEVC 8.7.3).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Correction {
    #[default]
    Off,
    /// By how a sample lies against its two neighbours in one of four directions: valley, concave, convex, peak.
    Edge { direction: u8, offsets: [i8; 4] },
    /// By value: four of 32 bands from the first one on.
    Band { first: u8, offsets: [i8; 4] },
}

/// Corrections of the planes of one coding tree unit.
type Corrections = [Correction; 3];

/// Largest offset.
const OFFSET_MAX: u32 = 31;
/// Log2 width of a band.
const BAND_SHIFT: u32 = BIT_DEPTH - 5;
/// The two neighbours of each direction: across, down, and the two diagonals.
const DIRECTIONS: [(i32, i32); 4] = [(1, 0), (0, 1), (1, 1), (-1, 1)];

/// Codes the correction of one plane.
fn code_correction<C: Coder>(coder: &mut C, plane: usize, correction: Correction) -> Correction {
    let kind = match correction {
        Correction::Off => 0,
        Correction::Edge { .. } => 1,
        Correction::Band { .. } => 2,
    };
    let kind = coder.unary(element::SAO_KIND + 2 * usize::from(plane != 0), 2, 2, kind);
    let code_offset = |coder: &mut C, offset: i8, sign: Option<bool>| {
        let size = coder.golomb(element::SAO_OFFSET, u32::from(offset.unsigned_abs())).min(OFFSET_MAX) as i8;
        let negative = sign.unwrap_or_else(|| size != 0 && coder.raw(1, u32::from(offset < 0)) != 0);
        if negative { -size } else { size }
    };
    match kind {
        0 => Correction::Off,
        1 => {
            let (direction, mut offsets) = match correction {
                Correction::Edge { direction, offsets } => (direction, offsets),
                _ => (0, [0; 4]),
            };
            let direction = coder.raw(2, u32::from(direction)) as u8;
            for (category, offset) in offsets.iter_mut().enumerate() {
                // Valleys are lifted and peaks lowered.
                *offset = code_offset(coder, *offset, Some(category >= 2));
            }
            Correction::Edge { direction, offsets }
        }
        _ => {
            let (first, mut offsets) = match correction {
                Correction::Band { first, offsets } => (first, offsets),
                _ => (0, [0; 4]),
            };
            let first = coder.raw(5, u32::from(first)) as u8;
            for offset in &mut offsets {
                *offset = code_offset(coder, *offset, None);
            }
            Correction::Band { first, offsets }
        }
    }
}

/// Codes the corrections of one coding tree unit, which may be those of its left neighbour.
fn code_corrections<C: Coder>(
    coder: &mut C,
    left: Option<&Corrections>,
    corrections: &Corrections,
) -> Corrections {
    if let Some(left) = left
        && coder.bit(element::SAO_LEFT, left == corrections)
    {
        return *left;
    }
    std::array::from_fn(|plane| code_correction(coder, plane, corrections[plane]))
}

/// How a sample lies against two neighbours: 0 valley, 1 concave, 2 neither, 3 convex, 4 peak.
#[inline]
fn edge_shape(here: i16, a: i16, b: i16) -> i16 {
    i16::from(here > a) - i16::from(here < a) + i16::from(here > b) - i16::from(here < b) + 2
}

/// The part of a coding tree unit in which a direction has both neighbours, as (x, y, width, height).
fn edge_area(
    plane: &Plane,
    (x, y, width, height): (usize, usize, usize, usize),
    direction: u8,
) -> [usize; 4] {
    let (dx, dy) = DIRECTIONS[usize::from(direction)];
    let left = if dx != 0 { x.max(1) } else { x };
    let top = if dy != 0 { y.max(1) } else { y };
    let right = if dx != 0 { (x + width).min(plane.width - 1) } else { x + width };
    let bottom = if dy != 0 { (y + height).min(plane.height - 1) } else { y + height };
    [left, top, right.saturating_sub(left), bottom.saturating_sub(top)]
}

/// The coding tree unit's rectangle in a plane.
fn ctu_area(plane: &Plane, chroma: bool, ctu_x: usize, ctu_y: usize) -> (usize, usize, usize, usize) {
    let size = if chroma { CTU / 2 } else { CTU };
    let (x, y) = (ctu_x * size, ctu_y * size);
    (x, y, size.min(plane.width - x), size.min(plane.height - y))
}

/// Corrects one plane of one coding tree unit; `before` is the plane as deblocked.
fn apply_correction(
    plane: &mut Plane,
    before: &Plane,
    area: (usize, usize, usize, usize),
    correction: Correction,
) {
    match correction {
        Correction::Off => {}
        Correction::Edge { direction, offsets } => {
            let [x, y, width, height] = edge_area(plane, area, direction);
            let (dx, dy) = DIRECTIONS[usize::from(direction)];
            let step = (dy * plane.stride as i32 + dx) as usize;
            let [valley, concave, convex, peak] = offsets.map(i16::from);
            for row in y..y + height {
                let at = plane.inside(x, row);
                let here = &before.data[at..][..width];
                let a = &before.data[at - step..][..width];
                let b = &before.data[at + step..][..width];
                for (((out, &here), &a), &b) in plane.data[at..][..width].iter_mut().zip(here).zip(a).zip(b) {
                    let shape = edge_shape(here, a, b);
                    let lift = if shape == 0 { valley } else { 0 } + if shape == 1 { concave } else { 0 };
                    let lower = if shape == 3 { convex } else { 0 } + if shape == 4 { peak } else { 0 };
                    *out = (here + lift + lower).clamp(0, SAMPLE_MAX as i16);
                }
            }
        }
        Correction::Band { first, offsets } => {
            let (x, y, width, height) = area;
            let mut table = [0_i16; 32];
            for (index, &offset) in offsets.iter().enumerate() {
                table[(usize::from(first) + index) % 32] = i16::from(offset);
            }
            for row in y..y + height {
                let at = plane.inside(x, row);
                for sample in &mut plane.data[at..][..width] {
                    let offset = table[(*sample >> BAND_SHIFT) as usize % 32];
                    *sample = (*sample + offset).clamp(0, SAMPLE_MAX as i16);
                }
            }
        }
    }
}

/// Corrects the whole picture.
fn apply_corrections(frame: &mut Frame, corrections: &[Corrections]) {
    let (columns, rows) = frame.ctus();
    for plane in 0..3 {
        if corrections.iter().all(|corrections| corrections[plane] == Correction::Off) {
            continue;
        }
        let before = frame.picture.planes[plane].clone();
        let after = &mut frame.picture.planes[plane];
        for ctu_y in 0..rows {
            for ctu_x in 0..columns {
                let area = ctu_area(&before, plane != 0, ctu_x, ctu_y);
                apply_correction(after, &before, area, corrections[ctu_y * columns + ctu_x][plane]);
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Decoder
// ---------------------------------------------------------------------------------------------------------------

/// Decodes a group of pictures.
#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    let shape = gop.shape();
    let mut reader = Reader::new(bytes);
    let mut header = Header::default();
    header.code(&mut reader);
    let mut references = References::default();
    for plan in plan_group(shape.frames, &header) {
        let picture = Picture::new(plan.poc as i32, shape.width, shape.height);
        let lists = references.lists(&plan);
        let qp = reader.raw(8, 0) as i32;
        reader.base = plan.statistics() * element::COUNT;
        let frame = Frame::new(plan.clone(), &header, picture, lists, qp);
        let picture = decode_frame(&mut reader, &header, frame);
        for plane in 0..3 {
            write_plane(&picture.planes[plane], shape.plane_size(plane), gop.plane_mut(plan.poc, plane));
        }
        references.keep(picture, &plan);
    }
}

/// Rounds a plane to eight bits and cuts it to size.
#[cfg(decoder)]
fn write_plane(plane: &Plane, (width, height): (usize, usize), out: &mut [u8]) {
    for (y, row) in out.chunks_exact_mut(width).enumerate().take(height) {
        let at = plane.inside(0, y);
        for (out, &sample) in row.iter_mut().zip(&plane.data[at..at + width]) {
            *out = ((sample + (1 << DEPTH_SHIFT >> 1)) >> DEPTH_SHIFT).clamp(0, 255) as u8;
        }
    }
}

#[cfg(decoder)]
fn decode_frame(reader: &mut Reader<'_>, header: &Header, mut frame: Frame) -> Picture {
    let (columns, rows) = frame.ctus();
    let mut levels = Levels::new();
    for ctu_y in 0..rows {
        for ctu_x in 0..columns {
            decode_tree(reader, &mut frame, &mut levels, (ctu_x * CTU, ctu_y * CTU), CTU_LOG2);
        }
    }
    if header.deblock {
        deblock(&mut frame, header);
    }
    if header.sao {
        let mut corrections: Vec<Corrections> = Vec::with_capacity(columns * rows);
        for index in 0..columns * rows {
            let left = if index % columns == 0 { None } else { corrections.last() };
            let next = code_corrections(reader, left, &Corrections::default());
            corrections.push(next);
        }
        apply_corrections(&mut frame, &corrections);
    }
    frame.finish()
}

#[cfg(decoder)]
fn decode_tree(
    reader: &mut Reader<'_>,
    frame: &mut Frame,
    levels: &mut Levels,
    (x, y): (usize, usize),
    log2: usize,
) {
    if x >= frame.width() || y >= frame.height() {
        return;
    }
    let split = if !fits(frame, x, y, log2) {
        true
    } else if log2 > CELL_LOG2 {
        code_split(reader, frame, x, y, log2, false)
    } else {
        false
    };
    if split {
        for (x, y) in quarters(x, y, log2) {
            decode_tree(reader, frame, levels, (x, y), log2 - 1);
        }
        return;
    }
    let mut unit = CodingUnit::NONE;
    code_unit(reader, frame, x, y, log2, &mut unit);
    code_unit_levels(reader, (x, y), log2, &unit, levels);
    if unit.kind != Kind::Intra {
        let (places, count) = Place::all(x, y, log2, unit.partition);
        for (place, part) in places.iter().zip(&mut unit.units).take(count) {
            derive_motion(frame, place, part);
            frame.remember_motion(place.rect, part.motion);
            for plane in 0..3 {
                let (x, y, width, height) = place.plane_rect(plane);
                let mut block = [0; UNIT_AREA];
                predict_inter(frame, plane, (x, y), (width, height), &part.motion, (&mut block, width));
                put_block(&mut frame.picture.planes[plane], (x, y), (width, height), &block, width);
            }
        }
    }
    each_transform(&unit, (x, y), log2, |plane, transform, at, side| {
        let intra = unit.kind == Kind::Intra;
        if intra {
            let mode = if plane == 0 { unit.intra[transform] } else { unit.chroma_mode() };
            let mut block = [0; TRANSFORM_MAX_AREA];
            predict_intra_block(frame, plane, at, side, mode, &mut block);
            put_block(&mut frame.picture.planes[plane], at, (1 << side, 1 << side), &block, 1 << side);
        }
        if unit.is_coded(plane, transform) {
            let levels = levels.of((x, y), plane, transform, side);
            let sine = intra && plane == 0 && side == 2;
            let qp = frame.plane_qp(plane);
            add_residual(&mut frame.picture.planes[plane], at, side, levels, qp, sine);
        }
    });
    frame.remember(x, y, log2, &unit);
}

/// Motion of a prediction unit from what was read.
#[cfg(decoder)]
fn derive_motion(frame: &Frame, place: &Place, unit: &mut Unit) {
    if let Some(merge) = unit.merge {
        unit.motion = place.merge_candidates(frame)[usize::from(merge)];
        return;
    }
    for list in 0..2 {
        if unit.motion.uses(list) {
            let predictors = place.predictors(frame, list, unit.motion.reference[list]);
            unit.motion.mv[list] = predictors[usize::from(unit.predictor[list])].plus(unit.difference[list]);
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Encoder: parameters
// ---------------------------------------------------------------------------------------------------------------

/// What a search may turn.
#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[
    Parameter::float("lambda_scale", 0.3, 3.0, 1.0, "weight of rate against distortion in every decision"),
    Parameter::float("inner_lambda_scale", 0.5, 2.0, 1.0, "further weight of rate inside the pyramid"),
    Parameter::int("pyramid", 1, 32, 16, "pictures in one hierarchical-B pyramid"),
    Parameter::int("references", 1, 4, 2, "reference pictures in each list"),
    Parameter::float("anchor_qp_offset", 0.0, 8.0, 5.0, "QP of pyramid ends above the intra picture's"),
    Parameter::float("first_layer_qp_offset", 0.0, 8.0, 3.5, "QP of pyramid middles above the ends'"),
    Parameter::float("layer_qp_offset", 0.0, 3.0, 1.0, "QP that every deeper layer adds"),
    Parameter::float(
        "cascade_adaptation",
        0.0,
        1.5,
        1.0,
        "how far those offsets shrink where motion is hard to follow",
    ),
    Parameter::float("chroma_qp_offset", -8.0, 8.0, 0.0, "QP of chroma above luma's"),
    Parameter::float(
        "rdoq",
        0.0,
        2.0,
        1.0,
        "strength of rate-distortion optimised quantisation, 0 plain rounding",
    ),
    Parameter::int("search_range", 4, 256, 64, "reach of the motion search in samples"),
    Parameter::float("intra_bias", 0.5, 3.0, 1.0, "factor on the cost of intra units in inter pictures"),
    Parameter::int("effort", 0, 3, 1, "alternatives tried in full: 2 adds halved units, 3 never stops early"),
    Parameter::flag("deblock", true, "deblocking filter"),
    Parameter::int("deblock_beta", -6, 6, 0, "offset of the deblocking decision threshold, in steps of 2 QP"),
    Parameter::int("deblock_tc", -6, 6, 0, "offset of the deblocking clipping bound, in steps of 2 QP"),
    Parameter::flag("sao", true, "sample-adaptive offset"),
];

/// The parameters of one encode, in the units the encoder works in.
#[cfg(encoder)]
struct Tools {
    lambda_scale: f64,
    inner_lambda_scale: f64,
    layer_qp: [f64; 3],
    rdoq: f64,
    search_range: i32,
    intra_bias: f64,
    effort: i32,
}

#[cfg(encoder)]
impl Tools {
    fn new(settings: &Settings, stability: f64) -> Self {
        let offsets = ["anchor_qp_offset", "first_layer_qp_offset", "layer_qp_offset"];
        let adaptation = settings.float("cascade_adaptation");
        let [anchor, first, deeper] = offsets.map(|name| settings.float(name));
        let cascade_scale = (1.0 - adaptation * (1.0 - stability)).max(0.0);
        Self {
            lambda_scale: settings.float("lambda_scale"),
            inner_lambda_scale: settings.float("inner_lambda_scale"),
            layer_qp: [anchor * cascade_scale, first * cascade_scale, deeper],
            rdoq: settings.float("rdoq"),
            search_range: settings.int("search_range"),
            intra_bias: settings.float("intra_bias"),
            effort: settings.int("effort"),
        }
    }

    /// QP of a picture, in quarters.
    fn qp(&self, header: &Header, layer: usize) -> i32 {
        let [anchor, first, deeper] = self.layer_qp;
        let offset = match layer {
            0 => 0.0,
            1 => anchor,
            _ => anchor + first + deeper * (layer - 2) as f64,
        };
        (header.qp + (offset * f64::from(QP_UNITS)).round() as i32).clamp(0, QP_MAX)
    }

    /// Squared error that is worth one bit at a QP: `0.57 * 2^((QP - 12) / 3)`, as HEVC's reference encoder has it,
    /// on samples shifted up by [`DEPTH_SHIFT`].
    fn lambda(&self, qp: i32, layer: usize) -> f64 {
        let qp = f64::from(qp) / f64::from(QP_UNITS);
        let layer_scale = if layer > 1 { self.inner_lambda_scale } else { 1.0 };
        let depth_scale = f64::from(1 << (2 * DEPTH_SHIFT));
        0.57 * ((qp - 12.0) / 3.0).exp2() * self.lambda_scale * layer_scale * depth_scale
    }
}

/// QP of quality 0 and how much every step adds, both in quarters: 0 is QP 10, 63 is QP 57.25.
#[cfg(encoder)]
const QUALITY_QP: (i32, i32) = (10 * QP_UNITS, 3);

// ---------------------------------------------------------------------------------------------------------------
// Encoder: groups and pictures
// ---------------------------------------------------------------------------------------------------------------

/// Encodes a group of pictures.
#[cfg(encoder)]
#[must_use]
pub fn encode(settings: &Settings, quality: u8, gop: &Gop<'_>) -> Vec<u8> {
    let shape = gop.shape();
    let tools = Tools::new(settings, stability(gop));
    let quarters = |name: &str| (settings.float(name) * f64::from(QP_UNITS)).round() as i32;
    let mut header = Header {
        qp: QUALITY_QP.0 + QUALITY_QP.1 * i32::from(quality.min(63)),
        pyramid: settings.int("pyramid") as usize,
        references: settings.int("references") as usize,
        chroma_qp_offset: quarters("chroma_qp_offset"),
        deblock: settings.flag("deblock"),
        sao: settings.flag("sao"),
        deblock_beta: settings.int("deblock_beta"),
        deblock_tc: settings.int("deblock_tc"),
    };
    let mut writer = Writer::new();
    header.code(&mut writer);
    let prices = Prices::new();
    let mut references = References::default();
    let mut sketches: Vec<Rc<Sketch>> = Vec::new();
    for plan in plan_group(shape.frames, &header) {
        let mut source = Picture::new(plan.poc as i32, shape.width, shape.height);
        for plane in 0..3 {
            read_plane(gop.plane(plan.poc, plane), shape.plane_size(plane), &mut source.planes[plane]);
        }
        let qp = tools.qp(&header, plan.layer);
        writer.raw(8, qp as u32);
        writer.base = plan.statistics() * element::COUNT;
        let picture = Picture::new(plan.poc as i32, shape.width, shape.height);
        let frame = Frame::new(plan.clone(), &header, picture, references.lists(&plan), qp);
        let lambda = tools.lambda(qp, plan.layer);
        let search = Search {
            lambda,
            motion_lambda: lambda.sqrt(),
            tools: &tools,
            prices: &prices,
            writer: &mut writer,
            sketches: [0, 1].map(|list| Sketch::list(&sketches, &plan.lists[list])),
            frame,
            source,
            levels: Levels::new(),
            units: [CodingUnit::NONE; CTU_CELLS * CTU_CELLS],
            spare: Vec::new(),
            hints: [[[Mv::ZERO; REFERENCES_MAX]; 2]; CTU_LOG2 + 2],
            difference_bits: [[0.0; 16]; 2],
        };
        let picture = search.encode_frame(&header);
        if !plan.released.contains(&plan.poc) {
            sketches.push(Rc::new(Sketch::new(&picture)));
        }
        references.keep(picture, &plan);
        sketches.retain(|sketch| !plan.released.contains(&sketch.poc));
    }
    writer.finish()
}

/// Shifts a plane up to ten bits and repeats its border into the rest of the last cells.
#[cfg(encoder)]
fn read_plane(samples: &[u8], (width, height): (usize, usize), plane: &mut Plane) {
    for y in 0..plane.height {
        let row = &samples[y.min(height - 1) * width..][..width];
        let at = plane.inside(0, y);
        let (known, rest) = plane.data[at..at + plane.width].split_at_mut(width);
        for (out, &sample) in known.iter_mut().zip(row) {
            *out = i16::from(sample) << DEPTH_SHIFT;
        }
        rest.fill(i16::from(row[width - 1]) << DEPTH_SHIFT);
    }
}

/// How well pictures predict others some way off, from 0 (not at all) to 1 (entirely).
///
/// The more so, the more it pays to spend bits on the pictures that others refer to. Measured on the source at a quarter
/// of its size: the difference of each block from its best match nearby, against its difference from its own mean.
#[cfg(encoder)]
fn stability(gop: &Gop<'_>) -> f64 {
    const SCALE: usize = 4;
    const DISTANCE: usize = 8;
    const RADIUS: i32 = 4;
    let shape = gop.shape();
    let (width, height) = (shape.width / SCALE, shape.height / SCALE);
    let shrunk = |frame: usize| -> Vec<i32> {
        let plane = gop.plane(frame, 0);
        let sum = |x: usize, y: usize| -> i32 {
            let rows = (0..SCALE).map(|row| &plane[(y * SCALE + row) * shape.width + x * SCALE..][..SCALE]);
            rows.flatten().map(|&sample| i32::from(sample)).sum()
        };
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| sum(x, y)).collect()
    };
    let (mut between, mut within) = (1.0, 1.0);
    let mut before = shrunk(0);
    for frame in (DISTANCE..shape.frames).step_by(DISTANCE) {
        let here = shrunk(frame);
        for y in (0..height.saturating_sub(CELL - 1)).step_by(CELL) {
            for x in (0..width.saturating_sub(CELL - 1)).step_by(CELL) {
                let block = |dx: i32, dy: i32| -> Option<i32> {
                    let (left, top) = (x as i32 + dx, y as i32 + dy);
                    let (left, top) = (usize::try_from(left).ok()?, usize::try_from(top).ok()?);
                    if left + CELL > width || top + CELL > height {
                        return None;
                    }
                    let row = |row: usize| {
                        let a = &here[(y + row) * width + x..][..CELL];
                        let b = &before[(top + row) * width + left..][..CELL];
                        a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<i32>()
                    };
                    Some((0..CELL).map(row).sum())
                };
                let moves = (-RADIUS..=RADIUS).flat_map(|dy| (-RADIUS..=RADIUS).map(move |dx| (dx, dy)));
                let match_difference = moves.filter_map(|(dx, dy)| block(dx, dy)).min().unwrap_or(0);
                let samples = (0..CELL).flat_map(|row| here[(y + row) * width + x..][..CELL].iter());
                let mean = samples.clone().sum::<i32>() / (CELL * CELL) as i32;
                let own = samples.map(|sample| (sample - mean).abs()).sum::<i32>();
                between += f64::from(match_difference.min(own));
                within += f64::from(own);
            }
        }
        before = here;
    }
    1.0 - between / within
}

/// A tried coding unit: what it costs, what to write and what it looks like.
#[cfg(encoder)]
struct Trial {
    cost: f64,
    unit: CodingUnit,
    levels: [Vec<i16>; 3],
    samples: [Vec<i16>; 3],
}

#[cfg(encoder)]
impl Trial {
    fn new() -> Self {
        let planes = || [vec![0; UNIT_AREA], vec![0; UNIT_AREA / 4], vec![0; UNIT_AREA / 4]];
        Self { cost: f64::INFINITY, unit: CodingUnit::NONE, levels: planes(), samples: planes() }
    }
}

/// Inter prediction of a coding unit, rows as long as the unit.
#[cfg(encoder)]
struct Prediction {
    planes: [Vec<i16>; 3],
}

/// A reference picture's luma interpolated once at half samples: at whole samples, halves across, halves down, both.
/// Quarters are averages. That is not how a block is predicted, but near enough to find its vector.
#[cfg(encoder)]
struct Sketch {
    poc: usize,
    planes: [Plane; 4],
}

#[cfg(encoder)]
impl Sketch {
    fn new(picture: &Picture) -> Self {
        let whole = &picture.planes[0];
        let halves = |mv: Mv| {
            let mut plane = Plane::new(whole.width, whole.height, whole.margin);
            let mut block = [0; CELL * CELL];
            for y in (0..whole.height).step_by(CELL) {
                for x in (0..whole.width).step_by(CELL) {
                    predict_from(whole, false, (x, y), (CELL, CELL), mv, (&mut block, CELL));
                    round_one(&mut block, CELL, (CELL, CELL));
                    put_block(&mut plane, (x, y), (CELL, CELL), &block, CELL);
                }
            }
            plane.pad();
            plane
        };
        let planes =
            [whole.clone(), halves(Mv { x: 2, y: 0 }), halves(Mv { x: 0, y: 2 }), halves(Mv { x: 2, y: 2 })];
        Self { poc: picture.poc as usize, planes }
    }

    /// The sketches of a list of pictures.
    fn list(all: &[Rc<Self>], pocs: &[usize]) -> Vec<Rc<Self>> {
        let find = |&poc: &usize| all.iter().find(|sketch| sketch.poc == poc).cloned();
        pocs.iter().filter_map(find).collect()
    }

    /// A displaced block, rows as long as it is wide.
    fn block(&self, (x, y): (usize, usize), (width, height): (usize, usize), mv: Mv, out: &mut [i16]) {
        let (dx, dy) = (i32::from(mv.x), i32::from(mv.y));
        let clamp = |at: usize, whole: i32, size: usize, limit: usize| {
            (at as i32 + whole).clamp(-(size as i32) - REACH, limit as i32 + REACH - 1)
        };
        let x = clamp(x, dx >> 2, width, self.planes[0].width);
        let y = clamp(y, dy >> 2, height, self.planes[0].height);
        let (part_x, part_y) = (dx & 3, dy & 3);
        // One or two points of the half-sample grid, in quarters.
        let points = match (part_x & 1, part_y & 1) {
            (0, 0) => [(part_x, part_y); 2],
            (1, 0) => [(part_x - 1, part_y), (part_x + 1, part_y)],
            (0, _) => [(part_x, part_y - 1), (part_x, part_y + 1)],
            _ => [(2, if part_y < 2 { 0 } else { 4 }), (if part_x < 2 { 0 } else { 4 }, 2)],
        };
        let source = |(part_x, part_y): (i32, i32)| {
            let plane = &self.planes[((part_x & 2) >> 1 | part_y & 2) as usize];
            &plane.data[plane.index(x + (part_x >> 2), y + (part_y >> 2))..]
        };
        let stride = self.planes[0].stride;
        let [a, b] = points.map(source);
        for (row, out) in out.chunks_exact_mut(width).enumerate().take(height) {
            let (a, b) = (&a[row * stride..][..width], &b[row * stride..][..width]);
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = (a + b + 1) >> 1;
            }
        }
    }
}

/// A vector, or a pair, with what it would cost by transformed difference.
#[cfg(encoder)]
#[derive(Clone, Copy)]
struct Found {
    unit: Unit,
    cost: f64,
}

/// The search for the decisions of one picture.
#[cfg(encoder)]
struct Search<'a> {
    lambda: f64,
    motion_lambda: f64,
    tools: &'a Tools,
    prices: &'a Prices,
    writer: &'a mut Writer,
    frame: Frame,
    /// The references as the motion search sees them.
    sketches: [Vec<Rc<Sketch>>; 2],
    source: Picture,
    /// Decisions of the coding tree unit at hand.
    levels: Levels,
    units: [CodingUnit; CTU_CELLS * CTU_CELLS],
    /// Buffers to try units in.
    spare: Vec<Trial>,
    /// The last vectors found, by size of unit, list and reference.
    hints: [[[Mv; REFERENCES_MAX]; 2]; CTU_LOG2 + 2],
    /// Bits of the difference to a predictor by axis and length of the number.
    difference_bits: [[f64; 16]; 2],
}

#[cfg(encoder)]
impl Search<'_> {
    fn encode_frame(mut self, header: &Header) -> Picture {
        let (columns, rows) = self.frame.ctus();
        for ctu_y in 0..rows {
            for ctu_x in 0..columns {
                let at = (ctu_x * CTU, ctu_y * CTU);
                self.price_differences();
                self.search_tree(at, CTU_LOG2);
                self.write_tree(at, CTU_LOG2);
            }
        }
        if header.deblock {
            deblock(&mut self.frame, header);
        }
        if header.sao {
            self.search_corrections();
        }
        self.frame.finish()
    }

    fn counter(&self) -> Counter<'_> {
        let contexts = &self.writer.contexts[self.writer.base..][..element::COUNT];
        Counter { contexts, prices: self.prices, bits: 0 }
    }

    fn bits(&self, count: impl FnOnce(&mut Counter<'_>)) -> f64 {
        let mut counter = self.counter();
        count(&mut counter);
        counter.bits as f64 / BIT as f64
    }

    /// Refreshes what vector differences cost.
    fn price_differences(&mut self) {
        for axis in 0..2 {
            for size in 0..16 {
                let prefix = self.bits(|counter| {
                    counter.unary(element::DIFFERENCE + axis * GOLOMB_CONTEXTS, GOLOMB_CONTEXTS, 15, size);
                });
                self.difference_bits[axis][size] = prefix + size as f64 + if size > 0 { 1.0 } else { 0.0 };
            }
        }
    }

    fn difference_cost(&self, mv: Mv, predictor: Mv) -> f64 {
        let length =
            |a: i16, b: i16| (i32::from(a) - i32::from(b)).unsigned_abs().wrapping_add(1).ilog2().min(15);
        let x = self.difference_bits[0][length(mv.x, predictor.x) as usize];
        let y = self.difference_bits[1][length(mv.y, predictor.y) as usize];
        self.motion_lambda * (x + y)
    }

    /// Writes the decided coding tree.
    fn write_tree(&mut self, (x, y): (usize, usize), log2: usize) {
        let frame = &self.frame;
        if x >= frame.width() || y >= frame.height() {
            return;
        }
        let split = if fits(frame, x, y, log2) {
            let split = usize::from(frame.cell(x, y).log2) < log2;
            if log2 > CELL_LOG2 { code_split(self.writer, frame, x, y, log2, split) } else { false }
        } else {
            true
        };
        if split {
            for at in quarters(x, y, log2) {
                self.write_tree(at, log2 - 1);
            }
        } else {
            let mut unit = self.units[z_order(x / CELL, y / CELL)];
            code_unit(self.writer, frame, x, y, log2, &mut unit);
            code_unit_levels(self.writer, (x, y), log2, &unit, &mut self.levels);
        }
    }

    // -----------------------------------------------------------------------------------------------------------
    // Encoder: decisions
    // -----------------------------------------------------------------------------------------------------------

    /// Decides a block: whole or in quarters. Leaves the decision in the cells, the units and the picture.
    fn search_tree(&mut self, (x, y): (usize, usize), log2: usize) -> f64 {
        if x >= self.frame.width() || y >= self.frame.height() {
            return 0.0;
        }
        let fits = fits(&self.frame, x, y, log2);
        if !fits {
            return quarters(x, y, log2).map(|at| self.search_tree(at, log2 - 1)).iter().sum();
        }
        let mut best = self.spare.pop().unwrap_or_else(Trial::new);
        best.cost = f64::INFINITY;
        let settled = self.search_unit((x, y), log2, &mut best);
        if log2 > CELL_LOG2 {
            let flag = |split: bool| {
                self.lambda
                    * self.bits(|counter| {
                        code_split(counter, &self.frame, x, y, log2, split);
                    })
            };
            best.cost += flag(false);
            if !settled {
                let mut cost = flag(true);
                for at in quarters(x, y, log2) {
                    cost += self.search_tree(at, log2 - 1);
                    if cost >= best.cost {
                        break;
                    }
                }
                if cost < best.cost {
                    self.spare.push(best);
                    return cost;
                }
            }
        }
        self.settle((x, y), log2, &best);
        let cost = best.cost;
        self.spare.push(best);
        cost
    }

    /// Makes a trial the decision.
    fn settle(&mut self, (x, y): (usize, usize), log2: usize, trial: &Trial) {
        self.units[z_order(x / CELL, y / CELL)] = trial.unit;
        self.frame.remember(x, y, log2, &trial.unit);
        let levels = &mut self.levels;
        each_transform(&trial.unit, (x, y), log2, |plane, transform, _, side| {
            if trial.unit.is_coded(plane, transform) {
                let from = &trial.levels[plane][transform << (2 * side)..][..1 << (2 * side)];
                levels.of((x, y), plane, transform, side).copy_from_slice(from);
            }
        });
        for plane in 0..3 {
            let (x, y, size) = plane_square(plane, (x, y), log2);
            put_block(
                &mut self.frame.picture.planes[plane],
                (x, y),
                (size, size),
                &trial.samples[plane],
                size,
            );
        }
    }

    /// Finds the best way to code a unit whole; says whether there is no point in splitting it.
    fn search_unit(&mut self, at: (usize, usize), log2: usize, best: &mut Trial) -> bool {
        if self.frame.plan.is_intra() {
            self.search_intra(at, log2, best);
            return false;
        }
        let nothing_left = self.search_merge(at, log2, best);
        if nothing_left && self.tools.effort < 3 {
            return true;
        }
        self.search_inter(at, log2, best);
        if best.unit.coded != 0 && (log2 <= TRANSFORM_MAX_LOG2 || self.tools.effort > 1)
            || self.tools.effort > 2
        {
            self.search_intra(at, log2, best);
        }
        self.tools.effort < 2 && best.unit.kind == Kind::Skip
    }

    /// Tries to take over a neighbour's motion. Says whether the best one leaves nothing to correct.
    fn search_merge(&mut self, (x, y): (usize, usize), log2: usize, best: &mut Trial) -> bool {
        let size = 1 << log2;
        let (places, _) = Place::all(x, y, log2, Partition::Whole);
        let candidates = places[0].merge_candidates(&self.frame);
        let mut ranked: Vec<(f64, usize)> = Vec::with_capacity(MERGE_CANDIDATES);
        let mut block = [0; UNIT_AREA];
        for (index, motion) in candidates.iter().enumerate() {
            if candidates[..index].contains(motion) {
                continue;
            }
            self.sketch((x, y), (size, size), motion, &mut block);
            let difference = self.transformed_difference(0, (x, y), (size, size), (&block, size));
            ranked.push((difference + self.motion_lambda * index as f64, index));
        }
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut nothing_left = false;
        let tries = 1 + self.tools.effort.clamp(0, 2) as usize;
        for (rank, &(_, index)) in ranked.iter().enumerate().take(tries) {
            let mut unit = CodingUnit { kind: Kind::Inter, ..CodingUnit::NONE };
            unit.units[0].merge = Some(index as u8);
            unit.units[0].motion = candidates[index];
            let prediction = self.predict((x, y), log2, &unit);
            let coded = self.try_unit((x, y), log2, unit, Some(&prediction), best);
            unit.kind = Kind::Skip;
            self.try_unit((x, y), log2, unit, Some(&prediction), best);
            if rank == 0 {
                nothing_left = !coded;
            }
            if nothing_left {
                break;
            }
        }
        nothing_left
    }

    /// Searches motion of its own for a unit, whole and in halves.
    fn search_inter(&mut self, (x, y): (usize, usize), log2: usize, best: &mut Trial) {
        let whole = self.search_partition((x, y), log2, Partition::Whole);
        self.try_inter((x, y), log2, whole, best);
        if log2 > CELL_LOG2 && self.tools.effort > 1 && best.unit.coded != 0 {
            for partition in [Partition::Rows, Partition::Columns] {
                let unit = self.search_partition((x, y), log2, partition);
                self.try_inter((x, y), log2, unit, best);
            }
        }
    }

    fn try_inter(&mut self, at: (usize, usize), log2: usize, mut unit: CodingUnit, best: &mut Trial) {
        let prediction = self.predict(at, log2, &unit);
        let coded = self.try_unit(at, log2, unit, Some(&prediction), best);
        if coded && log2 <= TRANSFORM_MAX_LOG2 && log2 > CELL_LOG2 {
            unit.transform_split = true;
            self.try_unit(at, log2, unit, Some(&prediction), best);
        }
    }

    /// Tries intra modes: a ranking by transformed difference, then the leaders in full.
    fn search_intra(&mut self, (x, y): (usize, usize), log2: usize, best: &mut Trial) {
        let mut unit = CodingUnit::NONE;
        let side = log2.min(TRANSFORM_MAX_LOG2);
        let intra_picture = self.frame.plan.is_intra();
        let probable = neighbour_modes(&self.frame, (x, y), &unit, 0);
        let ranked = self.rank_intra_modes((x, y), side, probable);
        let tries = if intra_picture { 2 + self.tools.effort } else { 1 + self.tools.effort / 2 } as usize;
        let mut leader = (f64::INFINITY, ranked[0].1);
        for &(_, mode) in ranked.iter().take(tries) {
            unit.intra = [mode; 4];
            let before = best.cost;
            self.try_unit((x, y), log2, unit, None, best);
            if best.cost < before {
                leader = (best.cost, mode);
            }
        }
        if leader.0.is_infinite() && !intra_picture {
            return;
        }
        unit.intra = [leader.1; 4];
        if log2 <= TRANSFORM_MAX_LOG2 {
            unit.transform_split = true;
            if log2 == CELL_LOG2 {
                unit.intra = self.search_quarters((x, y), leader.1);
            }
            self.try_unit((x, y), log2, unit, None, best);
        }
        if intra_picture {
            let unit = best.unit;
            for chroma in 1..=4 {
                let unit = CodingUnit { intra_chroma: chroma, ..unit };
                if unit.chroma_mode() != unit.intra[0] {
                    self.try_unit((x, y), log2, unit, None, best);
                }
            }
        }
    }

    /// Modes of the four 4x4 quarters of an 8x8 unit, each decided after its predecessors are in the picture.
    fn search_quarters(&mut self, (x, y): (usize, usize), start: u8) -> [u8; 4] {
        let mut unit = CodingUnit { transform_split: true, intra: [start; 4], ..CodingUnit::NONE };
        let mut levels = [0; 16];
        let mut block = [0; 16];
        for quarter in 0..4 {
            let at = (x + 4 * (quarter & 1), y + 4 * (quarter >> 1));
            let probable = neighbour_modes(&self.frame, (x, y), &unit, quarter);
            let ranked = self.rank_intra_modes(at, 2, probable);
            let tries = if self.frame.plan.is_intra() { 2 } else { 1 };
            let mut leader = (f64::INFINITY, ranked[0].1);
            for &(_, mode) in ranked.iter().take(tries) {
                predict_intra_block(&self.frame, 0, at, 2, mode, &mut block);
                put_block(&mut self.frame.picture.planes[0], at, (4, 4), &block, 4);
                let result = self.try_block(0, at, 2, true, &mut levels);
                let bits = self.bits(|counter| {
                    code_intra_mode(counter, probable, mode);
                });
                let cost = result.distortion + self.lambda * (result.bits + bits);
                if cost < leader.0 {
                    leader = (cost, mode);
                }
            }
            unit.intra[quarter] = leader.1;
            predict_intra_block(&self.frame, 0, at, 2, leader.1, &mut block);
            put_block(&mut self.frame.picture.planes[0], at, (4, 4), &block, 4);
            self.try_block(0, at, 2, true, &mut levels);
        }
        unit.intra
    }

    /// Intra modes by transformed difference and rate, best first: coarse directions, then ever finer ones.
    fn rank_intra_modes(&self, (x, y): (usize, usize), side: usize, probable: [u8; 3]) -> Vec<(f64, u8)> {
        let size = 1 << side;
        let mut edge = [0; 4 * 32 + 1];
        intra_edge(&self.frame, 0, x, y, side, &mut edge);
        let mut ranked: Vec<(f64, u8)> = Vec::with_capacity(35);
        let mut block = [0; TRANSFORM_MAX_AREA];
        let prices = [true, false].map(|listed| {
            let mode = (0..35).find(|mode| probable.contains(mode) == listed).unwrap_or(DC);
            self.bits(|counter| {
                code_intra_mode(counter, probable, mode);
            })
        });
        let mut consider = |mode: u8, ranked: &mut Vec<(f64, u8)>| {
            if ranked.iter().any(|&(_, other)| other == mode) {
                return;
            }
            let mut edge = edge;
            smooth_edge(&mut edge, side, mode);
            intra_predict(&edge, &mut block, side, mode, true);
            let difference = self.transformed_difference(0, (x, y), (size, size), (&block, size));
            let bits = prices[usize::from(!probable.contains(&mode))];
            ranked.push((difference + self.motion_lambda * bits, mode));
        };
        for mode in [PLANAR, DC].into_iter().chain(probable).chain((2..=34).step_by(4)) {
            consider(mode, &mut ranked);
        }
        for step in [2, 1] {
            ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
            let leaders: Vec<u8> =
                ranked.iter().map(|&(_, mode)| mode).filter(|&mode| mode > DC).take(2).collect();
            for leader in leaders {
                for mode in [leader.saturating_sub(step), leader + step] {
                    if (2..=34).contains(&mode) {
                        consider(mode, &mut ranked);
                    }
                }
            }
        }
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        ranked
    }

    /// Codes a unit on trial and keeps it if it is the best so far. Says whether it has any coefficients.
    fn try_unit(
        &mut self,
        (x, y): (usize, usize),
        log2: usize,
        mut unit: CodingUnit,
        prediction: Option<&Prediction>,
        best: &mut Trial,
    ) -> bool {
        let mut trial = self.spare.pop().unwrap_or_else(Trial::new);
        unit.coded = 0;
        let (mut distortion, mut level_bits) = (0.0, 0.0);
        let is_biased = unit.kind == Kind::Intra && !self.frame.plan.is_intra();
        let bias = if is_biased { self.tools.intra_bias } else { 1.0 };
        let layout = unit;
        each_transform(&layout, (x, y), log2, |plane, transform, at, side| {
            // What is given up is left uncoded: this must be the very cost that decides.
            if bias * (distortion + self.lambda * level_bits) >= best.cost {
                return;
            }
            let size = 1 << side;
            if let Some(prediction) = prediction {
                let (unit_x, unit_y, stride) = plane_square(plane, (x, y), log2);
                let from = &prediction.planes[plane][(at.1 - unit_y) * stride + at.0 - unit_x..];
                put_block(&mut self.frame.picture.planes[plane], at, (size, size), from, stride);
            } else {
                let mode = if plane == 0 { unit.intra[transform] } else { unit.chroma_mode() };
                let mut block = [0; TRANSFORM_MAX_AREA];
                predict_intra_block(&self.frame, plane, at, side, mode, &mut block);
                put_block(&mut self.frame.picture.planes[plane], at, (size, size), &block, size);
            }
            if unit.kind == Kind::Skip {
                distortion += self.squared_error(plane, at, size);
                return;
            }
            let sine = prediction.is_none() && plane == 0 && side == 2;
            let levels = &mut trial.levels[plane][transform << (2 * side)..][..1 << (2 * side)];
            let result = self.try_block(plane, at, side, sine, levels);
            unit.set_coded(plane, transform, result.coded);
            distortion += result.distortion;
            level_bits += result.bits;
        });
        let merged = unit.partition == Partition::Whole && unit.units[0].merge.is_some();
        if unit.kind == Kind::Inter && merged && unit.coded == 0 {
            unit.kind = Kind::Skip;
        }
        if unit.coded == 0 && unit.kind != Kind::Intra {
            unit.transform_split = false;
        }
        let bits =
            level_bits + self.bits(|counter| code_unit(counter, &self.frame, x, y, log2, &mut { unit }));
        let cost = bias * (distortion + self.lambda * bits);
        if cost < best.cost {
            trial.cost = cost;
            trial.unit = unit;
            for plane in 0..3 {
                let (x, y, size) = plane_square(plane, (x, y), log2);
                let from = &self.frame.picture.planes[plane];
                for row in 0..size {
                    let at = from.inside(x, y + row);
                    trial.samples[plane][row * size..][..size].copy_from_slice(&from.data[at..at + size]);
                }
            }
            std::mem::swap(&mut trial, best);
        }
        self.spare.push(trial);
        unit.coded != 0
    }

    /// Transforms, quantises and reconstructs one block over its prediction in the picture, if that pays.
    fn try_block(
        &mut self,
        plane: usize,
        at: (usize, usize),
        log2: usize,
        sine: bool,
        levels: &mut [i16],
    ) -> BlockResult {
        let size = 1 << log2;
        let mut residual = [0; TRANSFORM_MAX_AREA];
        let mut energy = 0_u64;
        {
            let (source, picture) = (&self.source.planes[plane], &self.frame.picture.planes[plane]);
            for (row, residual) in residual.chunks_exact_mut(size).enumerate().take(size) {
                let (from, over) = (source.inside(at.0, at.1 + row), picture.inside(at.0, at.1 + row));
                let (from, over) = (&source.data[from..from + size], &picture.data[over..over + size]);
                let mut sum = 0_i32;
                for ((residual, &from), &over) in residual.iter_mut().zip(from).zip(over) {
                    *residual = from - over;
                    sum += i32::from(*residual) * i32::from(*residual);
                }
                energy += sum as u64;
            }
        }
        let without = BlockResult { coded: false, distortion: energy as f64, bits: 0.0 };
        if without.distortion < self.lambda * CHEAPEST_BLOCK_BITS {
            return without;
        }
        let mut coefficients = [0; TRANSFORM_MAX_AREA];
        forward_transform(&residual, &mut coefficients, log2, sine);
        let coefficients = &coefficients[..size * size];
        if !self.quantise(coefficients, levels, log2, plane) {
            return without;
        }
        let bits = self.bits(|counter| code_levels(counter, levels, log2, plane != 0));
        let mut restored = [0; TRANSFORM_MAX_AREA];
        restored[..size * size].copy_from_slice(levels);
        let mut before = [0; TRANSFORM_MAX_AREA];
        let picture = &mut self.frame.picture.planes[plane];
        for row in 0..size {
            let from = picture.inside(at.0, at.1 + row);
            before[row * size..][..size].copy_from_slice(&picture.data[from..from + size]);
        }
        let qp = self.frame.plane_qp(plane);
        let picture = &mut self.frame.picture.planes[plane];
        add_residual(picture, at, log2, &mut restored[..size * size], qp, sine);
        let distortion = self.squared_error(plane, at, size);
        if distortion + self.lambda * bits < without.distortion {
            BlockResult { coded: true, distortion, bits }
        } else {
            put_block(&mut self.frame.picture.planes[plane], at, (size, size), &before, size);
            without
        }
    }

    /// Squared error of a block of the picture.
    fn squared_error(&self, plane: usize, (x, y): (usize, usize), size: usize) -> f64 {
        let (source, picture) = (&self.source.planes[plane], &self.frame.picture.planes[plane]);
        let mut total = 0_u64;
        for row in y..y + size {
            let (from, over) = (source.inside(x, row), picture.inside(x, row));
            let mut sum = 0_i32;
            for (&a, &b) in source.data[from..from + size].iter().zip(&picture.data[over..over + size]) {
                let difference = i32::from(a - b);
                sum += difference * difference;
            }
            total += sum as u64;
        }
        total as f64
    }

    // -----------------------------------------------------------------------------------------------------------
    // Encoder: quantisation
    // -----------------------------------------------------------------------------------------------------------

    /// Chooses levels for coefficients by rate and distortion; says whether any is left.
    ///
    /// Walks the coefficients in coding order, so that the templates of those ahead are what the decoder will see.
    /// Each level is the rounded one or one less, whichever is cheaper; then groups that are cheaper as zeros are
    /// cleared, and the end of the block is moved to where it costs least (Karczewicz et al., VCEG-AH21).
    fn quantise(&self, coefficients: &[i16], levels: &mut [i16], log2: usize, plane: usize) -> bool {
        let chroma = plane != 0;
        let (scale, shift) = dequantiser(self.frame.plane_qp(plane), log2);
        let step = f64::from(scale) * (-f64::from(shift)).exp2();
        let inverse = (1.0 / step) as f32;
        // Squared coefficients per squared sample.
        let gain = (2.0 * (15.0 - f64::from(BIT_DEPTH) - log2 as f64)).exp2();
        let unit = (step * step / gain) as f32;
        levels.fill(0);
        let largest = coefficients.iter().fold(0, |largest: u16, &value| largest.max(value.unsigned_abs()));
        if f32::from(largest) * inverse < 0.5 {
            return false;
        }
        if self.tools.rdoq == 0.0 {
            let dead_zone = if self.frame.plan.is_intra() { 1.0 / 3.0 } else { 1.0 / 6.0 };
            for (level, &value) in levels.iter_mut().zip(coefficients) {
                let magnitude = (f32::from(value.unsigned_abs()) * inverse + dead_zone) as i16;
                *level = if value < 0 { -magnitude } else { magnitude };
            }
            return levels.iter().any(|&level| level != 0);
        }
        let lambda = (self.lambda * self.tools.rdoq / BIT as f64) as f32;
        let counter = self.counter();
        let price = |context: usize, bit: bool| self.prices.of(counter.contexts[context], bit) as f32;
        let groups = group_scan(log2);
        let mut magnitudes = Magnitudes::new();
        let mut group_used = [false; 9 * 9];
        // Per coefficient in coding order: cost as decided, cost as zero beyond the end, price of its significance.
        let mut decided = [0.0_f32; TRANSFORM_MAX_AREA];
        let mut dropped = [0.0_f32; TRANSFORM_MAX_AREA];
        let mut significance = [0.0_f32; TRANSFORM_MAX_AREA];
        let mut group_price = [0.0_f32; 64];
        let mut started = false;
        let mut total = 0.0_f32;
        let mut first_group = 0;
        for (group, &corner) in groups.iter().enumerate().rev() {
            let (column, row) = (usize::from(corner & 15), usize::from(corner >> 4));
            let (group_x, group_y) = (column * 4, row * 4);
            if !started {
                let any = (0..4).any(|y| {
                    let row = &coefficients[(group_y + y) << log2 | group_x..][..4];
                    row.iter().any(|value| f32::from(value.unsigned_abs()) * inverse >= 0.5)
                });
                if !any {
                    continue;
                }
                first_group = group;
            }
            let near = usize::from(group_used[row * 9 + column + 1])
                + usize::from(group_used[(row + 1) * 9 + column]);
            let group_context = element::GROUP + 3 * usize::from(chroma) + near;
            let (mut sum, mut sum_dropped, mut any) = (0.0, 0.0, false);
            for (place, &inner) in SCAN_4.iter().enumerate().rev() {
                let (x, y) = (group_x + usize::from(inner & 15), group_y + usize::from(inner >> 4));
                let index = y << log2 | x;
                let exact = f32::from(coefficients[index].unsigned_abs()) * inverse;
                let rounded = (exact + 0.5) as u32;
                let zero = exact * exact * unit;
                let order = group * 16 + place;
                dropped[order] = zero;
                decided[order] = zero;
                sum_dropped += zero;
                if rounded == 0 && !started {
                    sum += zero;
                    continue;
                }
                let contexts = LevelContexts::new(magnitudes.template(x, y), x, y, log2, chroma);
                let insignificant = lambda * price(contexts.significant, false);
                if rounded == 0 {
                    significance[order] = insignificant;
                    decided[order] = zero + insignificant;
                    sum += decided[order];
                    continue;
                }
                // The first one is significant by being the last of the block.
                let significant = if started { lambda * price(contexts.significant, true) } else { 0.0 };
                let cost = |magnitude: u32| {
                    let error = exact - magnitude as f32;
                    error * error * unit
                        + lambda * self.price_magnitude(&counter, contexts, magnitude)
                        + significant
                };
                let mut choice = (cost(rounded), rounded);
                if rounded > 1 {
                    let less = cost(rounded - 1);
                    if less < choice.0 {
                        choice = (less, rounded - 1);
                    }
                }
                if rounded <= 2 && zero + if started { insignificant } else { 0.0 } < choice.0 {
                    choice = (zero + if started { insignificant } else { 0.0 }, 0);
                }
                decided[order] = choice.0;
                sum += choice.0;
                if choice.1 == 0 {
                    significance[order] = if started { insignificant } else { 0.0 };
                } else {
                    significance[order] = significant;
                    started = true;
                    any = true;
                    magnitudes.set(x, y, choice.1);
                    let magnitude = choice.1.min(32767) as i16;
                    levels[index] = if coefficients[index] < 0 { -magnitude } else { magnitude };
                }
            }
            let coded_group = group != 0 && group != first_group;
            if coded_group {
                let used = lambda * price(group_context, true);
                let unused = lambda * price(group_context, false);
                if !any || sum_dropped + unused <= sum + used {
                    for &inner in &SCAN_4 {
                        let (x, y) = (group_x + usize::from(inner & 15), group_y + usize::from(inner >> 4));
                        levels[y << log2 | x] = 0;
                        magnitudes.set(x, y, 0);
                    }
                    decided[group * 16..][..16].copy_from_slice(&dropped[group * 16..][..16]);
                    significance[group * 16..][..16].fill(0.0);
                    any = false;
                    sum = sum_dropped;
                    group_price[group] = unused;
                } else {
                    group_price[group] = used;
                }
            }
            group_used[row * 9 + column] = any;
            total += sum + group_price[group];
        }
        if !started {
            return false;
        }
        self.move_end(
            levels,
            log2,
            chroma,
            first_group,
            total,
            [&decided, &dropped, &significance],
            &group_price,
        )
    }

    /// Moves the last coefficient of a block to where the whole costs least; says whether any is left.
    #[allow(clippy::too_many_arguments, reason = "the tables of one walk over a block")]
    fn move_end(
        &self,
        levels: &mut [i16],
        log2: usize,
        chroma: bool,
        first_group: usize,
        mut total: f32,
        [decided, dropped, significance]: [&[f32; TRANSFORM_MAX_AREA]; 3],
        group_price: &[f32; 64],
    ) -> bool {
        let lambda = (self.lambda * self.tools.rdoq / BIT as f64) as f32;
        let groups = group_scan(log2);
        let mut axis_price = [[0.0_f32; 32]; 2];
        for (axis, prices) in axis_price.iter_mut().enumerate() {
            for (position, price) in prices.iter_mut().enumerate().take(1 << log2) {
                let mut counter = self.counter();
                code_last(&mut counter, axis, position, log2, chroma);
                *price = lambda * counter.bits as f32;
            }
        }
        let mut best = (f32::INFINITY, 0);
        'walk: for group in (0..=first_group).rev() {
            let corner = groups[group];
            total -= group_price[group];
            for place in (0..16).rev() {
                let inner = SCAN_4[place];
                let x = usize::from(corner & 15) * 4 + usize::from(inner & 15);
                let y = usize::from(corner >> 4) * 4 + usize::from(inner >> 4);
                let order = group * 16 + place;
                let level = levels[y << log2 | x];
                if level != 0 {
                    let cost = total - significance[order] + axis_price[0][x] + axis_price[1][y];
                    if cost < best.0 {
                        best = (cost, order + 1);
                    }
                    if level.unsigned_abs() > 1 {
                        break 'walk;
                    }
                }
                total += dropped[order] - decided[order];
            }
        }
        let mut any = false;
        for (group, &corner) in groups.iter().enumerate().take(first_group + 1) {
            for (place, &inner) in SCAN_4.iter().enumerate() {
                let x = usize::from(corner & 15) * 4 + usize::from(inner & 15);
                let y = usize::from(corner >> 4) * 4 + usize::from(inner >> 4);
                let level = &mut levels[y << log2 | x];
                if group * 16 + place >= best.1 {
                    *level = 0;
                }
                any |= *level != 0;
            }
        }
        any
    }

    /// Price of a magnitude above zero, with its sign.
    #[inline]
    fn price_magnitude(&self, counter: &Counter<'_>, contexts: LevelContexts, magnitude: u32) -> f32 {
        let mut counter = Counter { contexts: counter.contexts, prices: self.prices, bits: BIT };
        code_magnitude(&mut counter, contexts, magnitude);
        counter.bits as f32
    }

    // -----------------------------------------------------------------------------------------------------------
    // Encoder: motion
    // -----------------------------------------------------------------------------------------------------------

    /// Inter prediction of a whole coding unit.
    fn predict(&self, (x, y): (usize, usize), log2: usize, unit: &CodingUnit) -> Prediction {
        let mut planes =
            [vec![0; 1 << (2 * log2)], vec![0; 1 << (2 * log2 - 2)], vec![0; 1 << (2 * log2 - 2)]];
        let (places, count) = Place::all(x, y, log2, unit.partition);
        for (place, part) in places.iter().zip(&unit.units).take(count) {
            for (plane, out) in planes.iter_mut().enumerate() {
                let (unit_x, unit_y, stride) = plane_square(plane, (x, y), log2);
                let (x, y, width, height) = place.plane_rect(plane);
                let out = &mut out[(y - unit_y) * stride + x - unit_x..];
                predict_inter(&self.frame, plane, (x, y), (width, height), &part.motion, (out, stride));
            }
        }
        Prediction { planes }
    }

    /// Motion for every prediction unit of a partition.
    fn search_partition(&mut self, (x, y): (usize, usize), log2: usize, partition: Partition) -> CodingUnit {
        let mut unit = CodingUnit { kind: Kind::Inter, partition, ..CodingUnit::NONE };
        let (places, count) = Place::all(x, y, log2, partition);
        for (place, part) in places.iter().zip(&mut unit.units).take(count) {
            *part = self.search_motion(place, log2, partition != Partition::Whole);
            self.frame.remember_motion(place.rect, part.motion);
        }
        unit
    }

    /// Best motion of a prediction unit by transformed difference: one reference, two, or (in halves) merged.
    fn search_motion(&mut self, place: &Place, log2: usize, may_merge: bool) -> Unit {
        let (x, y, width, height) = place.rect;
        let candidates = place.merge_candidates(&self.frame);
        let mut single: [Option<Found>; 2] = [None; 2];
        let mut known: Vec<(i32, Mv)> = Vec::new();
        for list in 0..2 {
            for reference in 0..self.frame.lists[list].len() {
                let predictors = place.predictors(&self.frame, list, reference as i8);
                let poc = self.frame.reference_poc(list, reference as i8);
                let earlier = known.iter().find(|&&(other, _)| other == poc).map(|&(_, mv)| mv);
                let mv = earlier.unwrap_or_else(|| {
                    self.search_vector(place, log2, (list, reference), predictors, &candidates)
                });
                if earlier.is_none() {
                    known.push((poc, mv));
                }
                self.hints[log2][list][reference] = mv;
                let mut unit = Unit::NONE;
                unit.motion.mv[list] = mv;
                unit.motion.reference[list] = reference as i8;
                let bits = self.choose_predictor(&mut unit, list, predictors);
                let cost = bits + self.motion_cost(&unit, log2, place);
                if single[list].is_none_or(|found| cost < found.cost) {
                    single[list] = Some(Found { unit, cost });
                }
            }
        }
        let mut best = match single {
            [Some(a), Some(b)] => {
                if a.cost <= b.cost {
                    a
                } else {
                    b
                }
            }
            [Some(a), None] | [None, Some(a)] => a,
            [None, None] => return Unit::NONE,
        };
        if let [Some(a), Some(b)] = single {
            let both = self.search_pair(place, log2, &a.unit, &b.unit);
            if both.cost < best.cost {
                best = both;
            }
        }
        if may_merge {
            let mut block = [0; UNIT_AREA];
            for (index, motion) in candidates.iter().enumerate() {
                self.sketch((x, y), (width, height), motion, &mut block);
                let difference = self.transformed_difference(0, (x, y), (width, height), (&block, width));
                let cost = difference + self.motion_lambda * (index + 1) as f64;
                if cost < best.cost {
                    let unit = Unit { merge: Some(index as u8), motion: *motion, ..Unit::NONE };
                    best = Found { unit, cost };
                }
            }
        }
        best.unit
    }

    /// Picks the nearer predictor of a vector and returns what the vector costs.
    fn choose_predictor(&self, unit: &mut Unit, list: usize, predictors: [Mv; 2]) -> f64 {
        let mv = unit.motion.mv[list];
        let [first, second] = predictors.map(|predictor| self.difference_cost(mv, predictor));
        let choice = usize::from(second < first);
        unit.predictor[list] = choice as u8;
        unit.difference[list] = mv.minus(predictors[choice]);
        first.min(second) + self.motion_lambda * (1.0 + f64::from(unit.motion.reference[list]))
    }

    /// Transformed difference under a motion, with the price of its direction.
    fn motion_cost(&self, unit: &Unit, log2: usize, place: &Place) -> f64 {
        let (x, y, width, height) = place.rect;
        let mut block = [0; UNIT_AREA];
        self.sketch((x, y), (width, height), &unit.motion, &mut block);
        let direction = self.bits(|counter| {
            let both = unit.motion.uses(0) && unit.motion.uses(1);
            if !counter.bit(element::DIRECTION + log2 - CELL_LOG2, both) {
                counter.bit(element::DIRECTION + 4, unit.motion.uses(0));
            }
        });
        let difference = self.transformed_difference(0, (x, y), (width, height), (&block, width));
        difference + self.motion_lambda * direction
    }

    /// Two hypotheses from the best of each list, each refined against the other.
    fn search_pair(&self, place: &Place, log2: usize, first: &Unit, second: &Unit) -> Found {
        let mut unit = *first;
        unit.motion.mv[1] = second.motion.mv[1];
        unit.motion.reference[1] = second.motion.reference[1];
        let predictors = [0, 1].map(|list| place.predictors(&self.frame, list, unit.motion.reference[list]));
        let price = |unit: &mut Unit| {
            let vectors: f64 = (0..2).map(|list| self.choose_predictor(unit, list, predictors[list])).sum();
            vectors + self.motion_cost(unit, log2, place)
        };
        let mut best = Found { unit, cost: price(&mut unit) };
        best.unit = unit;
        for _ in 0..self.tools.effort.min(2) {
            let before = best.cost;
            for list in [1, 0] {
                let start = best.unit;
                for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
                    let mut unit = start;
                    unit.motion.mv[list] = unit.motion.mv[list].plus(Mv { x: dx, y: dy });
                    let cost = price(&mut unit);
                    if cost < best.cost {
                        best = Found { unit, cost };
                    }
                }
            }
            if best.cost >= before {
                break;
            }
        }
        best
    }

    /// Best vector into one reference.
    fn search_vector(
        &self,
        place: &Place,
        log2: usize,
        (list, reference): (usize, usize),
        predictors: [Mv; 2],
        candidates: &[Motion; MERGE_CANDIDATES],
    ) -> Mv {
        let (x, y, width, height) = place.rect;
        let sketch = Rc::clone(&self.sketches[list][reference]);
        let plane = &sketch.planes[0];
        let range = self.tools.search_range;
        let bounds = |at: usize, size: usize, limit: usize| {
            let low = (-(size as i32) - REACH - at as i32).max(-8000);
            (low, (limit as i32 + REACH - 1 - at as i32).min(8000))
        };
        let ((low_x, high_x), (low_y, high_y)) =
            (bounds(x, width, plane.width), bounds(y, height, plane.height));
        let whole_cost = |dx: i32, dy: i32| {
            if dx < low_x || dx > high_x || dy < low_y || dy > high_y {
                return f64::INFINITY;
            }
            let mv = Mv { x: (dx * 4) as i16, y: (dy * 4) as i16 };
            let rate = self.difference_cost(mv, predictors[0]).min(self.difference_cost(mv, predictors[1]));
            self.absolute_difference(plane, (x, y), (width, height), (dx, dy)) + rate
        };
        // Start from what neighbours, collocated blocks and enclosing blocks did.
        let mut best = (f64::INFINITY, 0, 0);
        let poc = sketch.poc as i32;
        let of_candidates = candidates.iter().flat_map(|motion| {
            (0..2)
                .filter(|&list| {
                    motion.uses(list) && self.frame.reference_poc(list, motion.reference[list]) == poc
                })
                .map(|list| motion.mv[list])
        });
        let hints = [self.hints[log2][list][reference], self.hints[log2 + 1][list][reference]];
        let mut tried: Vec<(i32, i32)> = Vec::with_capacity(16);
        for mv in [Mv::ZERO].into_iter().chain(predictors).chain(hints).chain(of_candidates) {
            let start = ((i32::from(mv.x) + 2) >> 2, (i32::from(mv.y) + 2) >> 2);
            if tried.contains(&start) {
                continue;
            }
            tried.push(start);
            let cost = whole_cost(start.0, start.1);
            if cost < best.0 {
                best = (cost, start.0, start.1);
            }
        }
        if best.0.is_infinite() {
            return Mv::ZERO;
        }
        // Far looks in eight directions at growing distances, for large blocks; small ones inherit the result.
        if log2 >= 5 {
            let (_, x0, y0) = best;
            let mut distance = 4;
            while distance <= range {
                for (dx, dy) in AROUND {
                    let (dx, dy) = (x0 + dx * distance, y0 + dy * distance);
                    let cost = whole_cost(dx, dy);
                    if cost < best.0 {
                        best = (cost, dx, dy);
                    }
                }
                distance *= 2;
            }
        }
        // A hexagon that walks downhill, then its neighbourhood.
        for _ in 0..range {
            let (_, x0, y0) = best;
            for (dx, dy) in [(2, 0), (1, 2), (-1, 2), (-2, 0), (-1, -2), (1, -2)] {
                let cost = whole_cost(x0 + dx, y0 + dy);
                if cost < best.0 {
                    best = (cost, x0 + dx, y0 + dy);
                }
            }
            if (x0, y0) == (best.1, best.2) {
                break;
            }
        }
        let (_, x0, y0) = best;
        for (dx, dy) in AROUND {
            let cost = whole_cost(x0 + dx, y0 + dy);
            if cost < best.0 {
                best = (cost, x0 + dx, y0 + dy);
            }
        }
        self.refine_vector(&sketch, place, predictors, Mv { x: (best.1 * 4) as i16, y: (best.2 * 4) as i16 })
    }

    /// A sketch of a prediction, rows as long as it is wide.
    fn sketch(&self, at: (usize, usize), size: (usize, usize), motion: &Motion, out: &mut [i16]) {
        let of = |list: usize, out: &mut [i16]| {
            self.sketches[list][motion.reference[list] as usize].block(at, size, motion.mv[list], out);
        };
        if motion.uses(0) && motion.uses(1) {
            let area = size.0 * size.1;
            let mut second = [0; UNIT_AREA];
            of(0, out);
            of(1, &mut second);
            for (out, &second) in out[..area].iter_mut().zip(&second[..area]) {
                *out = (*out + second + 1) >> 1;
            }
        } else {
            of(usize::from(!motion.uses(0)), out);
        }
    }

    /// Refines a whole-sample vector to halves, then quarters.
    fn refine_vector(&self, sketch: &Sketch, place: &Place, predictors: [Mv; 2], start: Mv) -> Mv {
        let (x, y, width, height) = place.rect;
        let mut block = [0; UNIT_AREA];
        let mut cost = |mv: Mv| {
            sketch.block((x, y), (width, height), mv, &mut block);
            let rate = self.difference_cost(mv, predictors[0]).min(self.difference_cost(mv, predictors[1]));
            self.transformed_difference(0, (x, y), (width, height), (&block, width)) + rate
        };
        let mut best = (cost(start), start);
        for step in [2, 1] {
            let (_, centre) = best;
            for (dx, dy) in AROUND {
                let mv = centre.plus(Mv { x: (dx * step) as i16, y: (dy * step) as i16 });
                let cost = cost(mv);
                if cost < best.0 {
                    best = (cost, mv);
                }
            }
        }
        best.1
    }

    /// Sum of absolute differences between a block of the source and a displaced one of a reference.
    fn absolute_difference(
        &self,
        plane: &Plane,
        (x, y): (usize, usize),
        (width, height): (usize, usize),
        (dx, dy): (i32, i32),
    ) -> f64 {
        let source = &self.source.planes[0];
        let from = &source.data[source.inside(x, y)..];
        let over = &plane.data[plane.index(x as i32 + dx, y as i32 + dy)..];
        let mut total = 0_u32;
        // Sixteen bits hold eight rows of eight ten-bit differences a lane.
        for rows in (0..height).step_by(8) {
            let mut sum = [0_u16; 8];
            for row in rows..rows + 8 {
                let from = &from[row * source.stride..][..width];
                let over = &over[row * plane.stride..][..width];
                for (a, b) in from.as_chunks::<8>().0.iter().zip(over.as_chunks::<8>().0) {
                    for lane in 0..8 {
                        sum[lane] += a[lane].abs_diff(b[lane]);
                    }
                }
            }
            total += sum.iter().map(|&sum| u32::from(sum)).sum::<u32>();
        }
        f64::from(total)
    }

    /// Sum of absolute Hadamard-transformed differences between a block of the source and a prediction.
    fn transformed_difference(
        &self,
        plane: usize,
        (x, y): (usize, usize),
        (width, height): (usize, usize),
        (block, stride): (&[i16], usize),
    ) -> f64 {
        let source = &self.source.planes[plane];
        let mut total = 0_u32;
        if width < 8 || height < 8 {
            let from = source.inside(x, y);
            return f64::from(hadamard_4(&source.data[from..], source.stride, block, stride));
        }
        for row in (0..height).step_by(8) {
            for column in (0..width).step_by(8) {
                let from = source.inside(x + column, y + row);
                let over = &block[row * stride + column..];
                total += hadamard_8(&source.data[from..], source.stride, over, stride);
            }
        }
        f64::from(total)
    }

    // -----------------------------------------------------------------------------------------------------------
    // Encoder: sample-adaptive offset
    // -----------------------------------------------------------------------------------------------------------

    /// Decides, writes and applies the corrections of the picture.
    fn search_corrections(&mut self) {
        let (columns, rows) = self.frame.ctus();
        let mut all: Vec<Corrections> = Vec::with_capacity(columns * rows);
        for index in 0..columns * rows {
            let mut best = Corrections::default();
            let mut cost = 0.0;
            let mut statistics: Vec<CorrectionStatistics> = Vec::with_capacity(3);
            for (plane, best) in best.iter_mut().enumerate() {
                let (source, picture) = (&self.source.planes[plane], &self.frame.picture.planes[plane]);
                let area = ctu_area(picture, plane != 0, index % columns, index / columns);
                let plane_statistics = CorrectionStatistics::collect(source, picture, area);
                let (correction, plane_cost) = self.choose_correction(plane, &plane_statistics);
                *best = correction;
                cost += plane_cost;
                statistics.push(plane_statistics);
            }
            let left = if index % columns == 0 { None } else { all.last() };
            if let Some(left) = left {
                let [apart, same] = [false, true].map(|same| {
                    self.lambda
                        * self.bits(|counter| {
                            counter.bit(element::SAO_LEFT, same);
                        })
                });
                let gain: f64 = (0..3).map(|plane| statistics[plane].change(left[plane])).sum();
                if gain + same <= cost + apart {
                    best = *left;
                }
            }
            code_corrections(self.writer, left, &best);
            all.push(best);
        }
        apply_corrections(&mut self.frame, &all);
    }

    /// The correction of one plane of a coding tree unit, and what it changes in cost.
    fn choose_correction(&self, plane: usize, statistics: &CorrectionStatistics) -> (Correction, f64) {
        let price = |correction: Correction| {
            let bits = self.bits(|counter| {
                code_correction(counter, plane, correction);
            });
            statistics.change(correction) + self.lambda * bits
        };
        let mut best = (Correction::Off, price(Correction::Off));
        let mut consider = |correction: Correction| {
            let cost = price(correction);
            if cost < best.1 {
                best = (correction, cost);
            }
        };
        for direction in 0..4 {
            let sums = &statistics.edges[usize::from(direction)];
            let offsets = std::array::from_fn(|category| {
                let (low, high) = if category < 2 { (0, 1) } else { (-1, 0) };
                sums[category].offset(self.lambda, low, high)
            });
            consider(Correction::Edge { direction, offsets });
        }
        let gain = |sum: &Deviation| sum.change(sum.offset(self.lambda, -1, 1)).min(0.0);
        let gains: Vec<f64> = statistics.bands.iter().map(gain).collect();
        let first = (0..29).min_by(|&a, &b| {
            let sum = |first: usize| gains[first..first + 4].iter().sum::<f64>();
            sum(a).total_cmp(&sum(b))
        });
        let first = first.unwrap_or(0);
        let offsets = std::array::from_fn(|index| statistics.bands[first + index].offset(self.lambda, -1, 1));
        consider(Correction::Band { first: first as u8, offsets });
        best
    }
}

/// The eight neighbours of a point.
#[cfg(encoder)]
const AROUND: [(i32, i32); 8] = [(0, -1), (-1, 0), (1, 0), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)];

/// No coded block costs fewer bits than this, so a smaller error is not worth a transform.
#[cfg(encoder)]
const CHEAPEST_BLOCK_BITS: f64 = 3.0;

/// What coding one block came to.
#[cfg(encoder)]
struct BlockResult {
    coded: bool,
    distortion: f64,
    bits: f64,
}

/// A coding unit's square in a plane: (x, y, side).
#[cfg(encoder)]
fn plane_square(plane: usize, (x, y): (usize, usize), log2: usize) -> (usize, usize, usize) {
    if plane == 0 { (x, y, 1 << log2) } else { (x / 2, y / 2, 1 << (log2 - 1)) }
}

/// Samples that would take the same offset: how many, and how far the source is from them in sum.
#[cfg(encoder)]
#[derive(Clone, Copy, Default)]
struct Deviation {
    count: i64,
    sum: i64,
}

#[cfg(encoder)]
impl Deviation {
    fn add(&mut self, difference: i16) {
        self.count += 1;
        self.sum += i64::from(difference);
    }

    /// Change in squared error under an offset.
    fn change(self, offset: i8) -> f64 {
        let offset = i64::from(offset);
        (self.count * offset * offset - 2 * offset * self.sum) as f64
    }

    /// The offset of least cost whose sign is allowed, at about one bit a step.
    fn offset(self, lambda: f64, low: i8, high: i8) -> i8 {
        if self.count == 0 {
            return 0;
        }
        let limit = i64::from(OFFSET_MAX);
        let mean = (self.sum as f64 / self.count as f64).round() as i64;
        let mean = mean.clamp(i64::from(low) * limit, i64::from(high) * limit) as i8;
        let cost = |offset: i8| {
            let size = u32::from(offset.unsigned_abs());
            self.change(offset) + lambda * f64::from(2 * (size + 1).ilog2() + 1)
        };
        let steps = (0..=mean.unsigned_abs() as i8).map(|size| if mean < 0 { -size } else { size });
        steps.min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(0)
    }
}

/// Deviations of a coding tree unit's samples by direction and shape, and by band.
#[cfg(encoder)]
struct CorrectionStatistics {
    edges: [[Deviation; 4]; 4],
    bands: [Deviation; 32],
}

#[cfg(encoder)]
impl CorrectionStatistics {
    fn collect(source: &Plane, picture: &Plane, area: (usize, usize, usize, usize)) -> Self {
        let mut edges = [[Deviation::default(); 4]; 4];
        for (direction, sums) in edges.iter_mut().enumerate() {
            let [x, y, width, height] = edge_area(picture, area, direction as u8);
            let (dx, dy) = DIRECTIONS[direction];
            let step = (dy * picture.stride as i32 + dx) as usize;
            let mut shapes = [Deviation::default(); 5];
            for row in y..y + height {
                let at = picture.inside(x, row);
                let from = &source.data[at..][..width];
                let here = &picture.data[at..][..width];
                let a = &picture.data[at - step..][..width];
                let b = &picture.data[at + step..][..width];
                for (((&from, &here), &a), &b) in from.iter().zip(here).zip(a).zip(b) {
                    shapes[edge_shape(here, a, b) as usize].add(from - here);
                }
            }
            *sums = [shapes[0], shapes[1], shapes[3], shapes[4]];
        }
        let mut bands = [Deviation::default(); 32];
        let (x, y, width, height) = area;
        for row in y..y + height {
            let at = picture.inside(x, row);
            for (&from, &here) in source.data[at..][..width].iter().zip(&picture.data[at..][..width]) {
                bands[(here >> BAND_SHIFT) as usize % 32].add(from - here);
            }
        }
        Self { edges, bands }
    }

    /// Change in squared error under a correction.
    fn change(&self, correction: Correction) -> f64 {
        match correction {
            Correction::Off => 0.0,
            Correction::Edge { direction, offsets } => {
                let sums = &self.edges[usize::from(direction)];
                sums.iter().zip(offsets).map(|(sum, offset)| sum.change(offset)).sum()
            }
            Correction::Band { first, offsets } => {
                let bands = self.bands.iter().cycle().skip(usize::from(first));
                bands.zip(offsets).map(|(sum, offset)| sum.change(offset)).sum()
            }
        }
    }
}

/// Sum of absolute values of the 4x4 Hadamard transform of a difference, scaled like [`hadamard_8`].
#[cfg(encoder)]
fn hadamard_4(a: &[i16], a_stride: usize, b: &[i16], b_stride: usize) -> u32 {
    let mut rows = [[0_i16; 4]; 4];
    for (y, row) in rows.iter_mut().enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            *value = a[y * a_stride + x] - b[y * b_stride + x];
        }
    }
    for _ in 0..2 {
        let [r0, r1, r2, r3] = rows;
        for lane in 0..4 {
            let (s0, s1) = (r0[lane] + r1[lane], r2[lane] + r3[lane]);
            let (d0, d1) = (r0[lane] - r1[lane], r2[lane] - r3[lane]);
            // Written transposed, so that the second pass works on the other axis.
            rows[lane] = [s0 + s1, d0 + d1, s0 - s1, d0 - d1];
        }
    }
    let sum: u32 = rows.iter().flatten().map(|value| u32::from(value.unsigned_abs())).sum();
    sum.div_ceil(2)
}

/// Sum of absolute values of the 8x8 Hadamard transform of a difference, in units of a quarter as is usual.
///
/// Sixteen bits suffice: five of the six butterfly stages grow an 11-bit difference to 16, and the last one is never
/// carried out, since `|a + b| + |a - b|` is `2 * max(|a|, |b|)`.
#[cfg(encoder)]
fn hadamard_8(a: &[i16], a_stride: usize, b: &[i16], b_stride: usize) -> u32 {
    let mut rows = [[0_i16; 8]; 8];
    for (y, row) in rows.iter_mut().enumerate() {
        let a = &a[y * a_stride..][..8];
        let b = &b[y * b_stride..][..8];
        for lane in 0..8 {
            row[lane] = a[lane] - b[lane];
        }
    }
    butterflies::<4>(&mut rows);
    butterflies::<2>(&mut rows);
    butterflies::<1>(&mut rows);
    let mut turned = transposed(rows);
    butterflies::<4>(&mut turned);
    butterflies::<2>(&mut turned);
    let mut sum = [0_i32; 8];
    for pair in turned.chunks_exact(2) {
        for lane in 0..8 {
            sum[lane] += i32::from(pair[0][lane].abs().max(pair[1][lane].abs()));
        }
    }
    let sum: i32 = sum.iter().sum();
    (sum as u32 + 1) >> 1
}

/// One stage of butterflies between rows `HALF` apart.
#[cfg(encoder)]
#[inline(always)]
fn butterflies<const HALF: usize>(rows: &mut [[i16; 8]; 8]) {
    for block in (0..8).step_by(2 * HALF) {
        for row in block..block + HALF {
            let (a, b) = (rows[row], rows[row + HALF]);
            for lane in 0..8 {
                rows[row][lane] = a[lane] + b[lane];
                rows[row + HALF][lane] = a[lane] - b[lane];
            }
        }
    }
}

/// Transposes by three rounds of interleaving, each of which is two shuffles on vector machines.
#[cfg(encoder)]
#[inline(always)]
fn transposed(mut rows: [[i16; 8]; 8]) -> [[i16; 8]; 8] {
    for _ in 0..3 {
        let from = rows;
        for pair in 0..4 {
            let (a, b) = (from[pair], from[pair + 4]);
            rows[2 * pair] = [a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]];
            rows[2 * pair + 1] = [a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]];
        }
    }
    rows
}
