// Scenarios with an open loop: visits arrive on time, whatever the answers take. What cannot start because all virtual
// users wait for answers is dropped, and dropped_iterations counts it.

const PATIENCE_S = 1.2; // so long may all answers stand still, and nothing is dropped
const usersFor = (rate, patience) => Math.min(1000, Math.max(20, Math.ceil(patience * rate)));

const common = (users) => ({ timeUnit: '1s', gracefulStop: '15s', preAllocatedVUs: users, maxVUs: users });

// `rate` a second from the second `start` on, for `length` seconds.
export function constant(rate, start, length, patience = PATIENCE_S) {
    return {
        executor: 'constant-arrival-rate',
        rate,
        duration: `${length}s`,
        startTime: `${start}s`,
        ...common(usersFor(rate, patience)),
    };
}

// From `from` a second over each of `stages`: [rate at its end, seconds].
export function ramping(from, stages) {
    return {
        executor: 'ramping-arrival-rate',
        startRate: from,
        stages: stages.map(([target, length]) => ({ target, duration: `${length}s` })),
        ...common(usersFor(Math.max(from, ...stages.map(([target]) => target)), PATIENCE_S)),
    };
}

// One scenario after the other: {name: [rate, seconds]} → scenarios.
export function steps(table) {
    let start = 0;
    return Object.fromEntries(Object.entries(table).map(([name, [rate, length]]) => {
        start += length;
        return [name, constant(rate, start - length, length)];
    }));
}
