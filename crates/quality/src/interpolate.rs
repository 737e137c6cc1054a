//! Piecewise cubic interpolation through points, and its exact integral: PCHIP and Akima.

/// How the slopes at the points are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic interpolants", SIAM J.
    /// Sci. Stat. Comput. 5, 1984, after F. N. Fritsch and R. E. Carlson, SIAM J. Numer. Anal. 17, 1980; ends as in
    /// C. Moler, "Numerical Computing with MATLAB", 2004, 3.6. What scipy's `PchipInterpolator` does.
    Pchip,
    /// H. Akima, "A new method of interpolation and smooth curve fitting based on local procedures", J. ACM 17(4), 1970.
    /// What scipy's `Akima1DInterpolator` does.
    Akima,
}

/// ∫ of the interpolant through (`x`, `y`) from `low` to `high`, which lie within `x`.
///
/// `x` rises strictly and has as many entries as `y`, at least 3.
pub(crate) fn integral(method: Method, x: &[f64], y: &[f64], low: f64, high: f64) -> f64 {
    let widths: Vec<f64> = x.windows(2).map(|x| x[1] - x[0]).collect();
    let secants: Vec<f64> = y.windows(2).zip(&widths).map(|(y, width)| (y[1] - y[0]) / width).collect();
    let slopes = match method {
        Method::Pchip => pchip_slopes(&widths, &secants),
        Method::Akima => akima_slopes(&secants),
    };
    let pieces = x.windows(2).enumerate().map(|(at, ends)| {
        let (from, to) = (low.max(ends[0]) - ends[0], high.min(ends[1]) - ends[0]);
        if to <= from {
            return 0.0;
        }
        // y + slope·t + square·t² + cube·t³, the cubic of Hermite.
        let (width, secant, slope, next) = (widths[at], secants[at], slopes[at], slopes[at + 1]);
        let square = (3.0 * secant - 2.0 * slope - next) / width;
        let cube = (slope + next - 2.0 * secant) / (width * width);
        let primitive = |t: f64| t * (y[at] + t * (slope / 2.0 + t * (square / 3.0 + t * cube / 4.0)));
        primitive(to) - primitive(from)
    });
    pieces.sum()
}

/// Weighted harmonic means of the neighbouring secants, 0 where these differ in sign.
fn pchip_slopes(widths: &[f64], secants: &[f64]) -> Vec<f64> {
    let last = secants.len() - 1;
    let mut slopes = vec![pchip_end(widths[0], widths[1], secants[0], secants[1])];
    for (width, secant) in widths.windows(2).zip(secants.windows(2)) {
        slopes.push(if secant[0] * secant[1] > 0.0 {
            let weights = (2.0 * width[1] + width[0], width[1] + 2.0 * width[0]);
            (weights.0 + weights.1) / (weights.0 / secant[0] + weights.1 / secant[1])
        } else {
            0.0
        });
    }
    slopes.push(pchip_end(widths[last], widths[last - 1], secants[last], secants[last - 1]));
    slopes
}

/// Three-point slope at an end, kept from overshooting.
fn pchip_end(width: f64, next_width: f64, secant: f64, next_secant: f64) -> f64 {
    let slope = ((2.0 * width + next_width) * secant - width * next_secant) / (width + next_width);
    if slope * secant <= 0.0 {
        0.0
    } else if secant * next_secant <= 0.0 && slope.abs() > 3.0 * secant.abs() {
        3.0 * secant
    } else {
        slope
    }
}

/// Means of the neighbouring secants, each weighted by how little the secants change on its side.
fn akima_slopes(secants: &[f64]) -> Vec<f64> {
    let last = secants.len() - 1;
    // Two more secants at each end, by straight continuation.
    let before = 2.0 * secants[0] - secants[1];
    let after = 2.0 * secants[last] - secants[last - 1];
    let mut extended = vec![2.0 * before - secants[0], before];
    extended.extend_from_slice(secants);
    extended.extend([after, 2.0 * after - secants[last]]);
    let weights = |m: &[f64]| ((m[1] - m[0]).abs(), (m[3] - m[2]).abs());
    let greatest = extended.windows(4).map(weights).map(|(left, right)| left + right).fold(0.0, f64::max);
    let slope = |m: &[f64]| {
        let (left, right) = weights(m);
        // Where both changes vanish the slope is undefined; scipy's threshold, and the mean that it takes there.
        if left + right > 1e-9 * greatest {
            m[1] + left / (left + right) * (m[2] - m[1])
        } else {
            0.5 * (m[0] + m[3])
        }
    };
    extended.windows(4).map(slope).collect()
}
