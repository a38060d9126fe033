/** Who wants to hear that something has changed. */

/** @returns {{watch: (changed: () => void) => () => boolean, tell: () => void}} what `watch` gives stops it */
export function listeners() {
    /** @type {Set<() => void>} */
    const all = new Set();
    return {
        watch: (changed) => {
            all.add(changed);
            return () => all.delete(changed);
        },
        tell: () => {
            for (const changed of [...all]) changed();
        },
    };
}
