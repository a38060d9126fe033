/**
 * Plays files of browser tests, one after another, with one browser for all of them: a line of JSON
 * of standard input asks for a file (driver.py), and each of its tests is answered by one.
 *
 * @typedef {object} Asked
 * @property {string} file
 * @property {string[]} names of the tests that are wanted
 * @property {Record<string, string>} environment where their pages are, and who stands behind them
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { settle } from "./control.js";
import { endings, tests } from "./registry.js";

const TEST_MS_MAX = 300_000;
const STANDARD_OUTPUT = 1;

/** @type {Map<string, Map<string, () => Promise<void>>>} */
const files = new Map();
/** @type {((error: unknown) => void) | undefined} ends the test that is being played */
let fail;

// What a test has forgotten to wait for is a failure of the test that is being played.
for (const event of ["unhandledRejection", "uncaughtException"])
    process.on(event, (error) => {
        if (fail) fail(error);
        else process.stderr.write(`${error?.stack ?? error}\n`);
    });

/** @param {string} file @returns {Promise<Map<string, () => Promise<void>>>} its tests by their names */
async function testsOf(file) {
    const known = files.get(file);
    if (known) return known;
    tests.clear();
    await import(pathToFileURL(file).href);
    const found = new Map(tests);
    files.set(file, found);
    return found;
}

/** @param {() => Promise<void>} play */
async function played(play) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const ended = new Promise((_, reject) => {
        fail = reject;
        timer = setTimeout(() => reject(new Error(`not done in ${TEST_MS_MAX} ms`)), TEST_MS_MAX);
    });
    try {
        await Promise.race([play(), ended]);
    } finally {
        clearTimeout(timer);
        fail = undefined;
    }
}

/** @param {object} line on standard output, which belongs to the answers */
const answer = (line) => writeSync(STANDARD_OUTPUT, `${JSON.stringify(line)}\n`);

/** @param {Asked} asked */
async function playFile({ file, names, environment }) {
    Object.assign(process.env, environment);
    settle();
    const known = await testsOf(file);
    for (const name of names) {
        const play = known.get(name);
        const began_ms = performance.now();
        let message = "";
        try {
            if (!play) throw new Error("the file has no such test");
            await played(play);
        } catch (error) {
            message = String((error instanceof Error && error.stack) || error);
        }
        answer({ name, message, seconds: (performance.now() - began_ms) / 1000 });
    }
}

for await (const line of createInterface({ input: process.stdin })) {
    let error = "";
    try {
        await playFile(JSON.parse(line));
    } catch (caught) {
        error = String((caught instanceof Error && caught.stack) || caught);
    }
    answer({ error });
}
for (const end of endings) await end();
process.exit();
