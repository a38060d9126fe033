// Relative addresses: it is served from wherever it lies.
export default { base: "./", build: { target: "esnext", assetsInlineLimit: 0, emptyOutDir: true } };
