// What the scripts share: their settings, the ids, the limits, the report.
// k6/run sets the environment. Nothing is imported from a network.
import { drawer } from './ids.js';

export const CLAIM_P95_MS = 150; // what the old service promised
export const AIM_P95_MS = CLAIM_P95_MS / 10; // what this one has to keep
export const GZIP = { 'Accept-Encoding': 'gzip' };

export function setting(name) {
    const value = __ENV[name];
    if (!value) {
        throw new Error(`${name} is not set; start this script with k6/run, which asks the stack for it`);
    }
    return value;
}

export const BASE = setting('BASE');
export const FULL = setting('SIZE') === 'full';
export const PRODUCTS = Number(setting('PRODUCTS'));
const FIRST_ID = Number(setting('FIRST_ID'));
const LAST_ID = Number(setting('LAST_ID'));
const DRAWN = setting('DRAW');

// The next product to ask for.
export const drawId = drawer(DRAWN, FIRST_ID, LAST_ID);

export function idRange() {
    return `${FIRST_ID} to ${LAST_ID} (${DRAWN})`;
}

// The largest share of 404 that gaps between the ids explain: 0 without gaps, else four standard deviations
// above the share expected among `requests`. Only uniform ids meet gaps as often as there are gaps.
export function gapsAllow(requests) {
    const gaps = Math.max(0, 1 - PRODUCTS / (LAST_ID - FIRST_ID + 1));
    if (gaps > 0 && DRAWN !== 'uniform') {
        return 1;
    }
    return gaps + 4 * Math.sqrt((gaps * (1 - gaps)) / requests);
}

// k6's way of writing time ("90s", "5m", "6h"), in seconds.
export function seconds(duration) {
    return parseInt(duration, 10) * { s: 1, m: 60, h: 3600 }[duration.slice(-1)];
}

// Milliseconds below which answers have to stay: of a machine that has time for this test ("full"), and of one that is
// busy with who knows what, where only what is broken is to be found ("ci").
export function limits(p95 = AIM_P95_MS, p99 = 5 * AIM_P95_MS) {
    return FULL ? [`p(95)<${p95}`, `p(99)<${p99}`] : [`p(95)<${CLAIM_P95_MS}`, 'p(99)<1000'];
}

// What handleSummary returns: `lines`, one line for each threshold and the verdict on the screen; the same and all
// figures in the result's file. `verdict` replaces the thresholds where they are not the verdict.
export function report(data, lines, figures, verdict = thresholdsOf(data)) {
    const passed = verdict.every((threshold) => threshold.ok);
    const held = verdict.filter((threshold) => threshold.ok).length;
    const screen = [
        ...lines,
        ...verdict.map((t) => `${t.ok ? 'pass' : 'FAIL'}  ${t.metric}: ${t.condition}`),
        `${passed ? 'PASS' : 'FAIL'}  ${setting('NAME')} ${setting('SIZE')}: ${held} of ${verdict.length} thresholds hold`,
    ];
    const metrics = Object.fromEntries(Object.entries(data.metrics).map(([name, metric]) => [name, metric.values]));
    const result = { ...JSON.parse(setting('ABOUT')), passed, figures, thresholds: verdict, metrics };
    return {
        stdout: `\n${screen.join('\n')}\n`,
        [setting('RESULT')]: `${JSON.stringify(result, null, 2)}\n`,
    };
}

export function thresholdsOf(data) {
    return Object.entries(data.metrics).sort().flatMap(([metric, { thresholds = {} }]) =>
        Object.entries(thresholds).map(([condition, { ok }]) => ({ metric, condition, ok }))
    );
}

// One value of a metric; 0 if nothing was ever counted.
export function valueOf(data, metric, value) {
    return data.metrics[metric] ? data.metrics[metric].values[value] : 0;
}

// A line about a trend of milliseconds.
export function spread(data, metric) {
    const parts = [['p50', 'med'], ['p95', 'p(95)'], ['p99', 'p(99)'], ['max', 'max']];
    return parts.map(([name, value]) => `${name} ${ms(valueOf(data, metric, value))}`).join('   ');
}

export const TREND_STATS = ['min', 'avg', 'med', 'p(95)', 'p(99)', 'max'];
export const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
export const count = (value) => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ',');
