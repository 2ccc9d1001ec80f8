// Which product is asked for. Each distribution is a function of (first, last, random) that makes a function which
// draws whole numbers from first to last; `random` draws from [0, 1). Imports nothing: its test runs without k6.

function uniform(first, last, random) {
    return () => first + Math.floor(random() * (last - first + 1));
}

// Uniform over the last tenth: what is far from the start of every table, file and index.
function lastTenth(first, last, random) {
    return uniform(last - Math.ceil((last - first + 1) / 10) + 1, last, random);
}

// Zipf's law with exponent 1: the n-th most popular is asked for an n-th as often as the most popular. By rejection-
// inversion (W. Hörmann, G. Derflinger: Rejection-inversion to generate variates from monotone discrete distributions,
// ACM Transactions on Modeling and Computer Simulation 6 (3), 1996), for which the area below 1/x has the integral ln x:
// no table, and nearly every draw is taken. Popular ids lie scattered over the range, the same at each run.
function zipf(first, last, random) {
    const n = last - first + 1;
    const scattered = scatter(n);
    const least = Math.log(1.5) - 1; // so that rank 1 has exactly its share
    const most = Math.log(n + 0.5);
    const alwaysTaken = 2 - Math.exp(Math.log(2.5) - 1 / 2);
    return () => {
        for (;;) {
            const area = most + random() * (least - most);
            const x = Math.exp(area);
            const rank = Math.min(n, Math.max(1, Math.round(x)));
            if (rank - x <= alwaysTaken || area >= Math.log(rank + 0.5) - 1 / rank) {
                return first + scattered(rank);
            }
        }
    };
}

// A one-to-one map of 1…n to 0…n-1: multiples of a step near the golden section, which has no divisor in common with n.
// Exact as long as n * n is (n up to 90 million; k6/run refuses more).
function scatter(n) {
    let step = Math.max(1, Math.floor(n * 0.618));
    while (divisor(step, n) !== 1) {
        step += 1;
    }
    return (rank) => (rank * step) % n;
}

function divisor(a, b) {
    return b === 0 ? a : divisor(b, a % b);
}

export const DISTRIBUTIONS = { uniform, 'last-tenth': lastTenth, zipf };

export function drawer(name, first, last, random = Math.random) {
    if (!DISTRIBUTIONS[name]) {
        throw new Error(`the ids are to be drawn by '${name}'; ${Object.keys(DISTRIBUTIONS).join(', ')} are accepted`);
    }
    return DISTRIBUTIONS[name](first, last, random);
}
