"""Makes `values.json`: golden values from mpmath, SciPy and statsmodels, extreme inputs included.

Run it with `python make.py > values.json`; the versions it ran with are in the file. Doubles are given as exact inputs, answers
with as many digits as a double has. What mpmath computes, it computes with 50 digits and more.
"""

import json
import platform
import sys

import mpmath
import scipy
import statsmodels
from mpmath import mp, mpf
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

mp.dps = 60


def number(value):
    return float(mpmath.nstr(value, 20))


def student_sf(df, t):
    """The upper tail of Student's t, by the incomplete beta function."""
    df, t = mpf(df), mpf(t)
    return mpmath.betainc(df / 2, mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2


def student_tail_by_quadrature(df, t):
    """The same for large degrees of freedom, where the incomplete beta function takes too long."""
    df, t = mpf(df), mpf(t)
    top = mpmath.loggamma((df + 1) / 2) - mpmath.loggamma(df / 2) - mpmath.log(df * mpmath.pi) / 2

    def density(x):
        return mpmath.exp(top - (df + 1) / 2 * mpmath.log1p(x * x / df))

    return mpmath.quad(density, [t + mpf(step) / max(t, 1) for step in (0, 1, 2, 4, 8, 16, 30, 60, 100, 140)])


def student():
    for df in (1, 2.5, 30, 199, 9998):
        for t in (0.1, 1.96, 5, 20):
            yield {"df": df, "t": t, "ln_sf": number(mpmath.log(student_sf(df, t)))}
    for df in (1e6, 1e9):
        for t in (0.1, 1.96, 5, 20, 37):
            yield {"df": df, "t": t, "ln_sf": number(mpmath.log(student_tail_by_quadrature(df, t)))}


def normal():
    for z in (-8, -1.5, 0, 1e-9, 1.959963984540054, 8, 37, 1000):
        yield {"z": z, "ln_sf": number(mpmath.log(mpmath.erfc(mpf(z) / mpmath.sqrt(2)) / 2))}


def chi_square():
    for df in (1, 2, 9):
        for x in (0.001, 1, 30, 900):
            tail = mpmath.gammainc(mpf(df) / 2, mpf(x) / 2, regularized=True)
            yield {"df": df, "x": x, "ln_sf": number(mpmath.log(tail))}


def beta_density(a, b):
    top = mpmath.loggamma(a + b) - mpmath.loggamma(a) - mpmath.loggamma(b)
    return lambda x: mpmath.exp(top + (a - 1) * mpmath.log(x) + (b - 1) * mpmath.log1p(-x))


def conversion():
    """The probability to beat the control and the loss of choosing the test, by integrals over a fine mesh."""
    cases = [
        ((0, 100), (0, 100)),
        ((0, 1000), (1, 1000)),
        ((1, 1), (1, 1)),
        ((1000, 1000), (999, 1000)),
        ((100, 1000), (130, 1000)),
        ((5000, 100000), (5000, 100000)),
        ((5000, 100000), (5250, 100000)),
        ((10**8, 10**9), (10**8 + 1, 10**9)),
        ((10**8, 10**9), (10**8 + 30000, 10**9)),
    ]
    for (s, n), (t, m) in cases:
        a, b, c, d = mpf(s + 1), mpf(n - s + 1), mpf(t + 1), mpf(m - t + 1)
        f, g = beta_density(a, b), beta_density(c, d)
        ends = []
        for p, q in ((a, b), (c, d)):
            mean, sd = p / (p + q), mpmath.sqrt(p * q / (p + q) ** 2 / (p + q + 1))
            # Few successes make a long tail.
            far = 14 + 90 / min(p, q)
            ends += [max(mpf(0), mean - far * sd), min(mpf(1), mean + far * sd)]
        low, high = min(ends), max(ends)
        # The distribution functions at the nodes come from one running integral, panel by panel.
        panels = 300
        edges = [low + (high - low) * i / panels for i in range(panels + 1)]
        below_f = below_g = beats = loss = mpf(0)
        nodes = mpmath.calculus.quadrature.GaussLegendre(mp).calc_nodes(3, mp.prec)
        for left, right in zip(edges, edges[1:]):
            half, middle = (right - left) / 2, (right + left) / 2
            # Within a panel, the running integrals by the same rule on the part to the left of each node.
            for x, weight in nodes:
                at = middle + half * x
                part = (at - left) / 2
                inner = [((left + at) / 2 + part * y, w) for y, w in nodes]
                cf = below_f + part * sum(w * f(y) for y, w in inner)
                cg = below_g + part * sum(w * g(y) for y, w in inner)
                beats += half * weight * g(at) * cf
                loss += half * weight * cg * (1 - cf)
            below_f += half * sum(w * f(middle + half * x) for x, w in nodes)
            below_g += half * sum(w * g(middle + half * x) for x, w in nodes)
        yield {
            "control": [s, n],
            "test": [t, m],
            "probability_to_beat": number(beats),
            "expected_loss_of_test": number(loss),
        }


def welch():
    for (n, mean, variance), (m, other, spread) in [
        ((10, 5.0, 4.0), (12, 5.5, 9.0)),
        ((2, 1.0, 1.0), (2, 1.5, 2.0)),
        ((10**9, 1.0, 2.0), (10**9, 1.0 + 1e-9, 2.0)),
        ((10**6, 3.0, 1.0), (10**6, 3.004, 1.0)),
        ((1000, 7.0, 3.0), (900, 7.0, 3.0)),
    ]:
        answer = stats.ttest_ind_from_stats(other, spread**0.5, m, mean, variance**0.5, n, equal_var=False)
        yield {"control": [n, mean, variance], "test": [m, other, spread], "p_value": float(answer.pvalue)}


def shares():
    for (t, m), (s, n) in [((156, 1200), (131, 1180)), ((7, 60), (2, 55)), ((0, 50), (3, 40)), ((500, 1000), (500, 1000))]:
        z, p = proportions_ztest([t, s], [m, n])
        fisher = stats.fisher_exact([[t, m - t], [s, n - s]])
        low, high = proportion_confint(t, m, method="wilson")
        yield {
            "test": [t, m],
            "control": [s, n],
            "p_value": float(p),
            "fisher": float(fisher.pvalue),
            "wilson_test": [float(low), float(high)],
        }


def power():
    for effect, units, ratio, alpha in [(0.125, 1000, 1.0, 0.05), (2 / 3, 40, 2.0, 0.01), (0.01, 150000, 0.5, 0.05)]:
        value = TTestIndPower().power(effect, units, alpha, ratio=ratio)
        yield {"effect": effect, "units": units, "ratio": ratio, "alpha": alpha, "power": float(value)}


def families():
    p_values = [0.0001, 0.2, 0.03, 0.03, 0.012, 0.9, 0.05, 1.0, 1e-300]
    names = {"bonferroni": "bonferroni", "holm": "holm", "benjamini_hochberg": "fdr_bh", "benjamini_yekutieli": "fdr_by"}
    for name, method in names.items():
        rejected, adjusted, _, _ = multipletests(p_values, alpha=0.05, method=method)
        yield {
            "correction": name,
            "p_values": p_values,
            "adjusted": [float(p) for p in adjusted],
            "rejected": [bool(r) for r in rejected],
        }


def main():
    families_of_values = (student, normal, chi_square, conversion, welch, shares, power, families)
    values = {function.__name__: list(function()) for function in families_of_values}
    versions = {
        "python": platform.python_version(),
        "mpmath": mpmath.__version__,
        "scipy": scipy.__version__,
        "statsmodels": statsmodels.__version__,
    }
    json.dump({"versions": versions, **values}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
