/** A camera that shows one code: a film in the plain format that Chromium takes for a device. */
import { createRequire } from "node:module";
import { writeFile } from "node:fs/promises";

const packages = createRequire(new URL("../../appservices/widgets/package.json", import.meta.url));
/** @type {{encodeQR: typeof import("qr").encodeQR}} */
const { encodeQR } = packages("qr");

export const WIDTH = 640;
export const HEIGHT = 480;
const FRAMES = 5;
const DOTS = 5;
const WHITE = 235;
const BLACK = 16;
const GREY = 128;

/**
 * @param {string} file where the film is written, ending in .y4m
 * @param {string} text what the code says; empty: a wall without a code
 */
export async function film(file, text) {
    const light = Buffer.alloc(WIDTH * HEIGHT, WHITE);
    const rows = text ? encodeQR(text, "raw", { border: 4 }) : [];
    const [left, top] = [WIDTH - rows.length * DOTS, HEIGHT - rows.length * DOTS].map((one) =>
        Math.floor(one / 2),
    );
    for (const [y, row] of rows.entries())
        for (const [x, isDark] of row.entries())
            for (let line = 0; line < (isDark ? DOTS : 0); line++) {
                const at = ((top ?? 0) + y * DOTS + line) * WIDTH + (left ?? 0) + x * DOTS;
                light.fill(BLACK, at, at + DOTS);
            }
    await filmOf(file, light);
}

/**
 * @param {string} file where the film is written, ending in .y4m
 * @param {Uint8Array} light the brightness of each dot, row by row
 */
export async function filmOf(file, light) {
    const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, GREY);
    const frame = Buffer.concat([Buffer.from("FRAME\n"), light, colour]);
    const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F5:1 Ip A1:1 C420jpeg\n`);
    await writeFile(file, Buffer.concat([head, ...Array.from({ length: FRAMES }, () => frame)]));
}
