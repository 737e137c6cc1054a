//! `procedural`: pictures as fitted parameters. Nothing here is a transform of samples; the stream says how to *draw*.
//!
//! - The first picture of a group starts as a **field**: a coarse lattice of brightness and colour, interpolated.
//! - Every later one starts as the picture before it, moved by one **global motion** (shift, zoom and turn).
//! - Onto that, a quadtree lays **patches**: nothing, a plane (level and two slopes), or an edge (a direction, a place,
//!   two levels) in luma, and a level in each chroma plane.
//! - At the end, **texture**: grain of a fitted strength per region, made up rather than sent.
//!
//! All numbers are quantised and coded by an adaptive binary range coder. Drawing is integer arithmetic. The encoder
//! weighs squared error against bits; the quality index sets the quantiser and with it the price of a bit. Low rates
//! are where it lives: above some tens of kbit/s at CIF a transform codec does everything better.

#[cfg(encoder)]
use aiv1_kit::{Gop, Parameter, Settings};
use aiv1_kit::{GopMut, Shape};

/// One line for the pages.
pub const ABOUT: &str = "Fitted planes, edges, global motion and grain, drawn from parameters.";

/// What may be turned.
#[cfg(encoder)]
pub const PARAMETERS: &[Parameter] = &[
    Parameter::int("largest", 4, 6, 6, "log2 of the side of the largest patch"),
    Parameter::int("smallest", 2, 4, 3, "log2 of the side of the smallest patch"),
    Parameter::float("thrift", 0.25, 4.0, 1.0, "price of a bit, as a factor"),
    Parameter::choice("motion", &["none", "shift", "zoom"], 2, "global motion that is fitted"),
    Parameter::flag("edges", true, "fit edges as well as planes"),
    Parameter::int(
        "texture",
        0,
        8,
        0,
        "strength of synthetic grain in eighths: looks sharper, measures worse",
    ),
];

/// Cosine and sine of the directions that an edge may have, in 1/64.
#[rustfmt::skip]
const DIRECTIONS: [(i32, i32); 16] = [
    (64, 0), (63, 12), (59, 24), (53, 36), (45, 45), (36, 53), (24, 59), (12, 63),
    (0, 64), (-12, 63), (-24, 59), (-36, 53), (-45, 45), (-53, 36), (-59, 24), (-63, 12),
];
/// Places that its line may have on either side of the middle.
const PLACES: i32 = 3;

// ---------------------------------------------------------------------------------------------- entropy coding

/// A binary adaptive coder, seen from either end: `bit` writes the bit it is given, or ignores it and reads one.
/// Syntax is thereby written once, for both.
trait Coder {
    fn bit(&mut self, probability: &mut u16, bit: bool) -> bool;
}

const HALF: u16 = 1 << 11;

fn split_range(range: u32, probability: &mut u16, bit: Option<bool>, code: u32) -> (u32, bool) {
    let bound = (range >> 12) * u32::from(*probability);
    let bit = bit.unwrap_or(code >= bound);
    *probability =
        if bit { *probability - (*probability >> 4) } else { *probability + ((4096 - *probability) >> 4) };
    (bound, bit)
}

#[cfg(encoder)]
struct Writer {
    low: u64,
    range: u32,
    out: Vec<u8>,
}

#[cfg(encoder)]
impl Writer {
    fn shift(&mut self) {
        if self.low >> 32 != 0 {
            for byte in self.out.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        self.out.push((self.low >> 24) as u8);
        self.low = (self.low & 0x00ff_ffff) << 8;
    }

    /// Trailing zeros need not be sent: a reader sees zeros behind the end.
    fn finish(mut self) -> Vec<u8> {
        self.low += u64::from(self.range >> 1) & !0xffff;
        (0..4).for_each(|_| self.shift());
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

#[cfg(encoder)]
impl Coder for Writer {
    fn bit(&mut self, probability: &mut u16, bit: bool) -> bool {
        let (bound, bit) = split_range(self.range, probability, Some(bit), 0);
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        while self.range < 1 << 24 {
            self.range <<= 8;
            self.shift();
        }
        bit
    }
}

#[cfg(decoder)]
struct Reader<'a> {
    code: u32,
    range: u32,
    rest: std::slice::Iter<'a, u8>,
}

#[cfg(decoder)]
impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { code: 0, range: u32::MAX, rest: bytes.iter() };
        (0..4).for_each(|_| reader.shift());
        reader
    }

    fn shift(&mut self) {
        self.code = self.code << 8 | u32::from(self.rest.next().copied().unwrap_or(0));
    }
}

#[cfg(decoder)]
impl Coder for Reader<'_> {
    fn bit(&mut self, probability: &mut u16, _: bool) -> bool {
        let (bound, bit) = split_range(self.range, probability, None, self.code);
        if bit {
            self.code -= bound;
            self.range -= bound;
        } else {
            self.range = bound;
        }
        while self.range < 1 << 24 {
            self.range <<= 8;
            self.shift();
        }
        bit
    }
}

/// Probabilities of one kind of number.
#[derive(Clone)]
struct Number([u16; 20]);

impl Number {
    const NEW: Self = Self([HALF; 20]);

    /// Zero, sign, length in binary digits, digits.
    fn code<C: Coder>(&mut self, coder: &mut C, value: i32) -> i32 {
        let [zero, sign, rest @ ..] = &mut self.0;
        if !coder.bit(zero, value != 0) {
            return 0;
        }
        let negative = coder.bit(sign, value < 0);
        let magnitude = value.unsigned_abs();
        let target = magnitude.checked_ilog2().unwrap_or(0) as usize;
        let mut digits = 0;
        while digits < 14 && coder.bit(&mut rest[digits], digits < target) {
            digits += 1;
        }
        let mut read = 1;
        for place in (0..digits).rev() {
            let is_first = place + 1 == digits;
            let bit = coder
                .bit(&mut rest[if is_first { 14 + digits.min(2) } else { 17 }], magnitude >> place & 1 == 1);
            read = read << 1 | i32::from(bit);
        }
        if negative { -read } else { read }
    }
}

/// About how many bits a number takes.
#[cfg(encoder)]
fn bits(value: i32) -> f32 {
    (value.unsigned_abs() as f32 + 1.0).log2().mul_add(2.0, 1.0)
}

// ------------------------------------------------------------------------------------------------------ drawing

/// What a patch draws.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Luma {
    #[default]
    Nothing,
    /// Level and slopes.
    Plane([i32; 3]),
    /// Direction, place, and the levels on either side.
    Edge([i32; 4]),
}

/// A square of the quadtree: four smaller ones, or a patch.
#[derive(Clone, Copy, Debug, Default)]
struct Node {
    split: bool,
    luma: Luma,
    chroma: [i32; 2],
}

/// A square: its corner and the log2 of its side.
#[derive(Clone, Copy)]
struct Square {
    x: usize,
    y: usize,
    level: usize,
}

impl Square {
    /// Its four quarters, without those outside.
    fn quarters(self, shape: Shape) -> impl Iterator<Item = Self> {
        let Self { x, y, level } = self;
        let half = 1 << (level - 1);
        [(0, 0), (half, 0), (0, half), (half, half)]
            .into_iter()
            .map(move |(right, down)| Self { x: x + right, y: y + down, level: level - 1 })
            .filter(move |square| square.x < shape.width && square.y < shape.height)
    }
}

/// Everything a group's pictures are drawn with, besides what is sent per picture.
struct Canvas {
    shape: Shape,
    /// Quantiser: the step of a patch's level is this over its side.
    delta: i32,
    largest: usize,
    smallest: usize,
    split: [u16; 8],
    kind: [[u16; 2]; 8],
    tints: [u16; 8],
    numbers: [Number; 16],
}

/// Picture planes, packed as in a frame.
type Planes = [Vec<u8>; 3];

fn step(delta: i32, level: usize) -> i32 {
    (delta >> level).max(1)
}

/// Level at (`x`, `y`) of a patch.
fn level_at(luma: Luma, step: i32, level: usize, x: i32, y: i32) -> i32 {
    let side = 1 << level;
    let (across, down) = (2 * x - side + 1, 2 * y - side + 1);
    match luma {
        Luma::Nothing => 0,
        Luma::Plane([height, slope_x, slope_y]) => {
            let doubled = step * (2 * side * height + slope_x * across + slope_y * down);
            (doubled + side) >> (level + 1)
        }
        Luma::Edge([direction, place, low, high]) => {
            let (cos, sin) = DIRECTIONS[direction as usize & 15];
            // Distance from the line in 1/128 pixel; the edge is two pixels wide.
            let distance = cos * across + sin * down - place * side * 32;
            let weight = (distance + 128).clamp(0, 256);
            (step * (low * (256 - weight) + high * weight) + 128) >> 8
        }
    }
}

fn add(sample: &mut u8, value: i32) {
    *sample = (i32::from(*sample) + value).clamp(0, 255) as u8;
}

impl Canvas {
    fn new(shape: Shape, delta: i32, largest: i32, smallest: i32) -> Self {
        let (largest, smallest) = (largest.clamp(4, 6) as usize, smallest.clamp(2, 4) as usize);
        Self {
            shape,
            delta: delta.clamp(1, 4095),
            largest,
            smallest,
            split: [HALF; 8],
            kind: [[HALF; 2]; 8],
            tints: [HALF; 8],
            numbers: [Number::NEW; 16],
        }
    }

    fn roots(&self) -> impl Iterator<Item = Square> + use<> {
        let (shape, level) = (self.shape, self.largest);
        let rows = (0..shape.height).step_by(1 << level);
        rows.flat_map(move |y| (0..shape.width).step_by(1 << level).map(move |x| Square { x, y, level }))
    }

    /// Codes a square and draws what it says; `plan` is what is to be coded, in this very order.
    fn square<C: Coder>(
        &mut self,
        coder: &mut C,
        plan: &mut impl Iterator<Item = Node>,
        picture: &mut Planes,
        square: Square,
    ) {
        let node = plan.next().unwrap_or_default();
        if square.level > self.smallest && coder.bit(&mut self.split[square.level], node.split) {
            for quarter in square.quarters(self.shape) {
                self.square(coder, plan, picture, quarter);
            }
            return;
        }
        let node = self.patch(coder, square.level, node);
        self.draw(picture, square, node);
    }

    fn patch<C: Coder>(&mut self, coder: &mut C, level: usize, node: Node) -> Node {
        let [is_drawn, is_edge] = &mut self.kind[level];
        let [slot0, slot1, slot2, slot3, slot4, slot5, ..] = &mut self.numbers;
        let luma = if !coder.bit(is_drawn, node.luma != Luma::Nothing) {
            Luma::Nothing
        } else if coder.bit(is_edge, matches!(node.luma, Luma::Edge(_))) {
            let given = if let Luma::Edge(given) = node.luma { given } else { [0; 4] };
            // A direction counts from the middle of the table, where signed numbers are shortest.
            let direction = slot0.code(coder, given[0] - 8) + 8;
            let [place, low, high] =
                [(1, slot1), (2, slot2), (3, slot3)].map(|(at, slot)| slot.code(coder, given[at]));
            Luma::Edge([direction, place, low, high])
        } else {
            let given = if let Luma::Plane(given) = node.luma { given } else { [0; 3] };
            Luma::Plane([
                slot4.code(coder, given[0]),
                slot5.code(coder, given[1]),
                slot5.code(coder, given[2]),
            ])
        };
        let mut chroma = [0; 2];
        if coder.bit(&mut self.tints[level], node.chroma != [0; 2]) {
            for (plane, tint) in chroma.iter_mut().enumerate() {
                *tint = self.numbers[6 + plane].code(coder, node.chroma[plane]);
            }
        }
        Node { split: false, luma, chroma }
    }

    fn draw(&self, picture: &mut Planes, square: Square, node: Node) {
        let step = step(self.delta, square.level);
        let side = 1_usize << square.level;
        if node.luma != Luma::Nothing {
            for y in square.y..(square.y + side).min(self.shape.height) {
                for x in square.x..(square.x + side).min(self.shape.width) {
                    let (right, down) = ((x - square.x) as i32, (y - square.y) as i32);
                    let value = level_at(node.luma, step, square.level, right, down);
                    add(&mut picture[0][y * self.shape.width + x], value);
                }
            }
        }
        let (width, height) = self.shape.plane_size(1);
        for (tint, plane) in node.chroma.into_iter().zip(&mut picture[1..]).filter(|(tint, _)| *tint != 0) {
            for y in square.y / 2..((square.y + side) / 2).min(height) {
                let row = y * width + square.x / 2..y * width + ((square.x + side) / 2).min(width);
                plane[row].iter_mut().for_each(|sample| add(sample, tint * step));
            }
        }
    }

    /// Codes the lattice of the first picture and draws it; `wanted` tells the level at a node.
    fn field<C: Coder>(&mut self, coder: &mut C, wanted: impl Fn(usize, usize, usize) -> i32) -> Planes {
        let step = step(self.delta, 5);
        [0, 1, 2].map(|plane| {
            let (width, height) = self.shape.plane_size(plane);
            let columns = width.div_ceil(32) + 1;
            let mut nodes = vec![0_i32; columns * (height.div_ceil(32) + 1)];
            for index in 0..nodes.len() {
                let (column, row) = (index % columns, index / columns);
                let left = if column > 0 { nodes[index - 1] } else { 128 / step };
                let up = if row > 0 { nodes[index - columns] } else { left };
                let guess = if column > 0 { (left + up) / 2 } else { up };
                let level = (wanted(plane, column, row) + step / 2) / step;
                nodes[index] = guess + self.numbers[8 + plane.min(1)].code(coder, level - guess);
            }
            let between = |x: usize, y: usize| {
                let (at, right, down) = (y / 32 * columns + x / 32, (x % 32) as i32, (y % 32) as i32);
                let top = nodes[at] * (32 - right) + nodes[at + 1] * right;
                let bottom = nodes[at + columns] * (32 - right) + nodes[at + columns + 1] * right;
                ((top * (32 - down) + bottom * down) * step + 512 >> 10).clamp(0, 255) as u8
            };
            (0..width * height).map(|index| between(index % width, index / width)).collect()
        })
    }

    /// Codes a motion.
    fn motion<C: Coder>(&mut self, coder: &mut C, motion: Motion) -> Motion {
        let mut read = [0; 4];
        for (at, (value, read)) in motion.into_iter().zip(&mut read).enumerate() {
            *read = self.numbers[10 + at].code(coder, value).clamp(-2048, 2047);
        }
        read
    }

    /// Codes the strength of grain per root square and draws it into every picture, which none is predicted from then.
    fn texture<C: Coder>(&mut self, coder: &mut C, wanted: impl Fn(Square) -> i32, gop: &mut GopMut<'_>) {
        let side = 1_usize << self.largest;
        for square in self.roots() {
            let strength = self.numbers[14].code(coder, wanted(square)).clamp(0, 64);
            for frame in (0..self.shape.frames).filter(|_| strength > 0) {
                let luma = gop.plane_mut(frame, 0);
                for y in square.y..(square.y + side).min(self.shape.height) {
                    for x in square.x..(square.x + side).min(self.shape.width) {
                        let seed =
                            (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
                        let noise =
                            (seed ^ (frame as u32).wrapping_mul(0xc2b2_ae3d)).wrapping_mul(0x27d4_eb2f);
                        let noise = (noise ^ noise >> 15).wrapping_mul(0x1656_67b1) >> 24;
                        add(&mut luma[y * self.shape.width + x], (noise as i32 - 128) * strength / 128);
                    }
                }
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------ global motion

/// Shift right and down in 1/8 pixel, zoom and turn in 1/4096.
type Motion = [i32; 4];

/// Where a sample comes from, in 1/256 pixel, `scale` being 1 for luma and 2 for chroma.
fn origin(motion: Motion, size: (usize, usize), x: usize, y: usize, scale: i32) -> (i32, i32) {
    let [shift_x, shift_y, zoom, turn] = motion;
    let (across, down) = (2 * x as i32 - size.0 as i32, 2 * y as i32 - size.1 as i32);
    let right = 32 * shift_x / scale + (zoom * across - turn * down) / 32;
    let below = 32 * shift_y / scale + (turn * across + zoom * down) / 32;
    (256 * x as i32 + right, 256 * y as i32 + below)
}

fn sample(plane: &[u8], (width, height): (usize, usize), (x, y): (i32, i32)) -> i32 {
    let (column, row) = (x >> 8, y >> 8);
    let (right, down) = (x & 255, y & 255);
    let at = |column: i32, row: i32| {
        let (column, row) = (column.clamp(0, width as i32 - 1), row.clamp(0, height as i32 - 1));
        i32::from(plane[row as usize * width + column as usize])
    };
    let top = at(column, row) * (256 - right) + at(column + 1, row) * right;
    let bottom = at(column, row + 1) * (256 - right) + at(column + 1, row + 1) * right;
    (top * (256 - down) + bottom * down + (1 << 15)) >> 16
}

/// The picture before, moved.
fn moved(shape: Shape, before: [&[u8]; 3], motion: Motion) -> Planes {
    [0, 1, 2].map(|plane| {
        if motion == [0; 4] {
            return before[plane].to_vec();
        }
        let (size, scale) = (shape.plane_size(plane), if plane == 0 { 1 } else { 2 });
        let mut moved = Vec::with_capacity(size.0 * size.1);
        for y in 0..size.1 {
            moved.extend(
                (0..size.0).map(|x| sample(before[plane], size, origin(motion, size, x, y, scale)) as u8),
            );
        }
        moved
    })
}

// ------------------------------------------------------------------------------------------------------- fitting

/// The sample of a fit: how far the wanted picture is from the drawn one, in a square.
#[cfg(encoder)]
struct Residual {
    level: usize,
    width: usize,
    values: Vec<i32>,
}

#[cfg(encoder)]
impl Residual {
    fn between(
        wanted: &[u8],
        drawn: &[u8],
        size: (usize, usize),
        corner: (usize, usize),
        level: usize,
    ) -> Self {
        let side = 1_usize << level;
        let (width, height) = (side.min(size.0 - corner.0), side.min(size.1 - corner.1));
        let mut values = Vec::with_capacity(width * height);
        for y in corner.1..corner.1 + height {
            let row = y * size.0 + corner.0..y * size.0 + corner.0 + width;
            values.extend(
                wanted[row.clone()].iter().zip(&drawn[row]).map(|(a, b)| i32::from(*a) - i32::from(*b)),
            );
        }
        Self { level, width, values }
    }

    /// Squares are whole nearly everywhere, so rows are counted rather than divided out.
    fn points(&self) -> impl Iterator<Item = (i32, i32, i32)> {
        let rows = self.values.chunks_exact(self.width.max(1)).zip(0..);
        rows.flat_map(|(row, y)| row.iter().zip(0..).map(move |(value, x)| (x, y, *value)))
    }

    /// Squared error once `luma` is drawn.
    fn error(&self, luma: Luma, step: i32) -> f32 {
        let left = |(x, y, value): (i32, i32, i32)| value - level_at(luma, step, self.level, x, y);
        self.points().map(left).map(|left| (left * left) as f32).sum()
    }

    fn plane(&self, step: i32) -> Luma {
        let side = 1_i32 << self.level;
        let (mut sums, mut squares) = ([0_f32; 3], [1e-6_f32; 3]);
        for (x, y, value) in self.points() {
            let axes = [2 * side, 2 * x - side + 1, 2 * y - side + 1];
            for (axis, (sum, square)) in axes.into_iter().zip(sums.iter_mut().zip(&mut squares)) {
                *sum += (axis * value) as f32;
                *square += (axis * axis) as f32;
            }
        }
        let slopes = [0, 1, 2]
            .map(|axis| (sums[axis] / squares[axis] * (2 * side) as f32 / step as f32).round() as i32);
        Luma::Plane(slopes.map(|slope| slope.clamp(-2000, 2000)))
    }

    /// The line that parts the square into the two most even halves.
    fn edge(&self, step: i32) -> Luma {
        let side = 1_i32 << self.level;
        let total: i32 = self.values.iter().sum();
        let count = self.values.len() as i32;
        let (mut best, mut most) = (Luma::Nothing, 0.0);
        for (direction, (cos, sin)) in DIRECTIONS.iter().enumerate() {
            let mut sums = [[0_i32; 2]; 2 * PLACES as usize + 1];
            for (x, y, value) in self.points() {
                let along = cos * (2 * x - side + 1) + sin * (2 * y - side + 1);
                // Which of the places lie before this point: those up to here.
                let bin = ((along + (PLACES + 1) * side * 32) >> (self.level + 5)).clamp(0, 2 * PLACES + 1);
                if bin > 0 {
                    sums[bin as usize - 1][0] += value;
                    sums[bin as usize - 1][1] += 1;
                }
            }
            let (mut high, mut highs) = (0, 0);
            for (bin, [sum, points]) in sums.into_iter().enumerate().rev() {
                (high, highs) = (high + sum, highs + points);
                let (low, lows) = (total - high, count - highs);
                if highs < 2 || lows < 2 {
                    continue;
                }
                let (low_mean, high_mean) = (low as f32 / lows as f32, high as f32 / highs as f32);
                let gain = low_mean * low as f32 + high_mean * high as f32;
                if gain > most {
                    let level = |mean: f32| (mean / step as f32).round() as i32;
                    most = gain;
                    best = Luma::Edge([
                        direction as i32,
                        bin as i32 - PLACES,
                        level(low_mean),
                        level(high_mean),
                    ]);
                }
            }
        }
        best
    }
}

/// Decides what is drawn.
#[cfg(encoder)]
struct Fit<'a> {
    wanted: [&'a [u8]; 3],
    drawn: &'a Planes,
    shape: Shape,
    delta: i32,
    smallest: usize,
    /// Squared error that is worth a bit.
    price: f32,
    edges: bool,
}

#[cfg(encoder)]
impl Fit<'_> {
    /// The cheapest way to draw a square, in the order of coding, and its cost.
    fn square(&self, square: Square) -> (f32, Vec<Node>) {
        let step = step(self.delta, square.level);
        let size = self.shape.plane_size(0);
        let luma =
            Residual::between(self.wanted[0], &self.drawn[0], size, (square.x, square.y), square.level);
        let (mut node, nothing) = (Node::default(), luma.error(Luma::Nothing, step));
        let mut cost = nothing + self.price;
        // Where nothing costs next to nothing, nothing better is looked for.
        let is_worth_it = nothing > 8.0 * self.price;
        let weigh = |patch: Luma| {
            let length: f32 = match patch {
                Luma::Nothing => 1.0,
                Luma::Plane(numbers) => 3.0 + numbers.into_iter().map(bits).sum::<f32>(),
                Luma::Edge([_, place, low, high]) => 8.0 + bits(place) + bits(low) + bits(high),
            };
            (luma.error(patch, step) + self.price * length, patch)
        };
        if is_worth_it {
            let (better, patch) = weigh(luma.plane(step));
            if better < cost {
                (cost, node.luma) = (better, patch);
            }
            // Edges are dear to look for: only in small squares that a plane leaves far from done.
            if self.edges && square.level < 6 && cost > 24.0 * self.price {
                let (better, patch) = weigh(luma.edge(step));
                if better < cost {
                    (cost, node.luma) = (better, patch);
                }
            }
        }
        cost += self.chroma(square, step, &mut node);
        if square.level == self.smallest {
            return (cost, vec![node]);
        }
        cost += self.price;
        if cost < 12.0 * self.price {
            return (cost, vec![node]);
        }
        let (mut parts, mut nodes) = (self.price, vec![Node { split: true, ..node }]);
        for quarter in square.quarters(self.shape) {
            let (part, below) = self.square(quarter);
            parts += part;
            nodes.extend(below);
        }
        if parts < cost { (parts, nodes) } else { (cost, vec![node]) }
    }

    fn chroma(&self, square: Square, step: i32, node: &mut Node) -> f32 {
        let size = self.shape.plane_size(1);
        let corner = (square.x / 2, square.y / 2);
        let (mut without, mut with) = (0.0, self.price);
        for plane in [1, 2] {
            let residual =
                Residual::between(self.wanted[plane], &self.drawn[plane], size, corner, square.level - 1);
            let count = residual.values.len().max(1) as f32;
            let mean = residual.values.iter().sum::<i32>() as f32 / count;
            let tint = (mean / step as f32).round() as i32;
            let all: f32 = residual.values.iter().map(|value| (value * value) as f32).sum();
            let drawn = (tint * step) as f32;
            without += all;
            with += all + count * drawn * (drawn - 2.0 * mean) + self.price * bits(tint);
            node.chroma[plane - 1] = tint;
        }
        if with < without {
            return with;
        }
        node.chroma = [0; 2];
        without
    }
}

/// Finds the motion between two luma planes by trying steps in every direction, large ones first.
#[cfg(encoder)]
fn find_motion(before: &[u8], now: &[u8], size: (usize, usize), start: Motion, freedoms: usize) -> Motion {
    let stride = if size.0 * size.1 > 200_000 { 5 } else { 3 };
    let difference = |motion: Motion| -> u64 {
        let rows = (stride / 2..size.1).step_by(stride);
        let points = rows.flat_map(|y| (stride / 2..size.0).step_by(stride).map(move |x| (x, y)));
        points
            .map(|(x, y)| {
                let there = sample(before, size, origin(motion, size, x, y, 1));
                u64::from(there.abs_diff(i32::from(now[y * size.0 + x])))
            })
            .sum()
    };
    let still = difference([0; 4]);
    let (mut best, mut least) = ([0; 4], still);
    let started = difference(start);
    if started < least {
        (best, least) = (start, started);
    }
    let mut reach = 128;
    while reach > 0 {
        let (from, before) = (best, least);
        for axis in 0..freedoms {
            for direction in [-reach, reach] {
                let mut motion = from;
                // Zoom and turn reach as far in the picture's corner as shifts do everywhere.
                motion[axis] += if axis < 2 { direction } else { direction / 2 };
                let found = if motion == from { before } else { difference(motion) };
                if found < least {
                    (best, least) = (motion, found);
                }
            }
        }
        if least == before {
            reach /= 2;
        }
    }
    // Moving blurs; standing still is exact.
    if least + least / 32 < still { best } else { [0; 4] }
}

/// The pictures, as parameters.
#[cfg(encoder)]
pub fn encode(settings: &Settings, quality: u8, gop: &Gop<'_>) -> Vec<u8> {
    let shape = gop.shape();
    let delta = (24.0 * 2_f64.powf(f64::from(quality.min(63)) / 14.0)).round() as i32;
    let grain = settings.int("texture");
    let mut writer = Writer { low: 0, range: u32::MAX, out: Vec::new() };
    let mut head = Number::NEW;
    for value in [delta, settings.int("largest"), settings.int("smallest"), grain] {
        head.code(&mut writer, value);
    }
    let mut canvas = Canvas::new(shape, delta, settings.int("largest"), settings.int("smallest"));
    let price = 0.14 * settings.float("thrift") as f32 * (canvas.delta * canvas.delta) as f32;
    let (mut before, mut first, mut motion) = (Planes::default(), Planes::default(), [0; 4]);
    for frame in 0..shape.frames {
        let wanted = [0, 1, 2].map(|plane| gop.plane(frame, plane));
        let mut picture = if frame == 0 {
            canvas.field(&mut writer, |plane, column, row| {
                let (width, height) = shape.plane_size(plane);
                let (x, y) = ((32 * column).min(width - 1), (32 * row).min(height - 1));
                let rows = y.saturating_sub(12)..(y + 12).min(height);
                let columns = x.saturating_sub(12)..(x + 12).min(width);
                let count = (rows.len() * columns.len()) as i32;
                let sum: i32 = rows
                    .map(|y| {
                        wanted[plane][y * width..][columns.clone()].iter().map(|v| i32::from(*v)).sum::<i32>()
                    })
                    .sum();
                sum / count
            })
        } else {
            let freedoms = [0, 2, 4][settings.choice("motion")];
            motion = find_motion(&before[0], wanted[0], shape.plane_size(0), motion, freedoms);
            motion = canvas.motion(&mut writer, motion);
            moved(shape, [0, 1, 2].map(|plane| before[plane].as_slice()), motion)
        };
        let (smallest, edges) = (canvas.smallest, settings.flag("edges"));
        for square in canvas.roots() {
            let fit = Fit { wanted, drawn: &picture, shape, delta: canvas.delta, smallest, price, edges };
            let mut plan = fit.square(square).1.into_iter();
            canvas.square(&mut writer, &mut plan, &mut picture, square);
        }
        if frame == 0 {
            first.clone_from(&picture);
        }
        before = picture;
    }
    if grain > 0 {
        let mut nowhere = vec![0; shape.gop_len()];
        let Some(mut nowhere) = GopMut::new(shape, &mut nowhere) else { return Vec::new() };
        let strength = |square: Square| {
            let size = shape.plane_size(0);
            let left =
                Residual::between(gop.plane(0, 0), &first[0], size, (square.x, square.y), square.level);
            let mean = left.error(Luma::Nothing, 1) / left.values.len() as f32;
            (mean.sqrt() * grain as f32 / 4.0).round().min(64.0) as i32
        };
        canvas.texture(&mut writer, strength, &mut nowhere);
    }
    writer.finish()
}

/// Draws them.
#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut GopMut<'_>) {
    let shape = gop.shape();
    let mut reader = Reader::new(bytes);
    let mut head = Number::NEW;
    let [delta, largest, smallest, grain] = [0; 4].map(|_| head.code(&mut reader, 0));
    let mut canvas = Canvas::new(shape, delta, largest, smallest);
    for frame in 0..shape.frames {
        let mut picture = if frame == 0 {
            canvas.field(&mut reader, |_, _, _| 0)
        } else {
            let motion = canvas.motion(&mut reader, [0; 4]);
            moved(shape, [0, 1, 2].map(|plane| gop.plane(frame - 1, plane)), motion)
        };
        for square in canvas.roots() {
            canvas.square(&mut reader, &mut std::iter::empty(), &mut picture, square);
        }
        for (plane, samples) in picture.iter().enumerate() {
            gop.plane_mut(frame, plane).copy_from_slice(samples);
        }
    }
    if grain > 0 {
        canvas.texture(&mut reader, |_| 0, gop);
    }
}
