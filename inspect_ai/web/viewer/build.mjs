// Builds ../static from src: node build.mjs. The product is committed, so that nobody who installs the package needs node.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static");
const own = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
const stub = (name) => join(here, "src", "stubs", name);

// Parts of Cornerstone for formats, displays and WebGL that this viewer never meets: panes draw on the CPU. dcmjs also
// builds functions from text, which the content security policy forbids.
const LEFT_OUT = [
  [/^@cornerstonejs\/metadata$/, "metadata.js"],
  [/^dcmjs$/, "dcmjs.js"],
  [/\/vtkClasses\/index\.js$/, "render_window.js"],
  [/\/vtkClasses\/vtkStreamingOpenGLTexture\.js$/, "texture.js"],
  [/\/vtkClasses\/vtk\w+\.js$/, "empty.cjs"],
  [/^@kitware\/vtk\.js\/(IO|Filters|Rendering\/(OpenGL|Profiles|SceneGraph|WebGPU|Misc))\//, "empty.cjs"],
  [/^@kitware\/vtk\.js\/Rendering\/Core\/(ColorTransferFunction\/ColorMaps|Image\w*|Volume\w*|Mapper|Actor|Texture|Render\w*|Camera|Property)\.js$/, "empty.cjs"],
  [/\/cpuFallback\/rendering\/resize\.js$/, "canvas_size.js"],
  [/^(xmlbuilder2|events|url|crypto)$/, "empty.cjs"],
];
const leaveOut = {
  name: "leave-out",
  setup(build) {
    for (const [filter, name] of LEFT_OUT) build.onResolve({ filter }, () => ({ path: stub(name) }));
  },
};

const built = await esbuild.build({
  absWorkingDir: here,
  entryPoints: { viewer: "src/index.js" },
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "InspectViewer",
  target: "es2020",
  charset: "utf8",
  legalComments: "none", // licences.txt holds them whole
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [leaveOut],
  metafile: true,
  write: false,
  outdir: out,
  logLevel: "warning",
});
if (process.env.META) writeFileSync(process.env.META, JSON.stringify(built.metafile));
const style = await esbuild.transform(readFileSync(join(here, "src", "viewer.css"), "utf8"), { loader: "css", minify: true });

const bundled = packagesOf(built.metafile);
mkdirSync(out, { recursive: true });
const htmx = join(here, "node_modules", "htmx.org");
const files = {
  "viewer.js": Buffer.from(built.outputFiles.find((file) => file.path.endsWith("viewer.js")).contents),
  "viewer.css": Buffer.from(style.code),
  "htmx.min.js": readFileSync(join(htmx, "dist", "htmx.min.js")),
  "licences.txt": Buffer.from(licences([...bundled, htmx])),
};
for (const [name, content] of Object.entries(files)) writeFileSync(join(out, name), content);
writeFileSync(join(out, "vendored.json"), `${JSON.stringify(vendored(), null, 2)}\n`);
for (const [name, content] of Object.entries(files)) console.log(`${name} ${content.length} bytes`);
const parts = {};
for (const [input, { bytesInOutput }] of Object.entries(Object.values(built.metafile.outputs)[0].inputs)) {
  const name = input.includes("node_modules") ? packageOf(input) : "src";
  parts[name] = (parts[name] ?? 0) + bytesInOutput;
}
for (const [name, bytes] of Object.entries(parts).sort((a, b) => b[1] - a[1]).slice(0, 8)) console.log(`  ${bytes} ${name}`);

function packageOf(input) {
  const parts = input.split("node_modules/").at(-1).split("/");
  return parts[0].startsWith("@") ? parts.slice(0, 2).join("/") : parts[0];
}

/** Folders of the packages of which something is in the bundle, in order of their names. */
function packagesOf(metafile) {
  const [output] = Object.values(metafile.outputs);
  const inside = Object.entries(output.inputs).filter(([input, { bytesInOutput }]) => input.includes("node_modules") && bytesInOutput > 0);
  return [...new Set(inside.map(([input]) => packageOf(input)))].sort().map((name) => join(here, "node_modules", name));
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function licences(folders) {
  const texts = folders.map((folder) => {
    const { name, version, license } = manifest(folder);
    return `${"=".repeat(100)}\n${name} ${version} (${license})\n${"=".repeat(100)}\n\n${licenceText(folder).trim()}\n`;
  });
  return `What viewer.js and htmx.min.js contain besides the code of this project, each with its licence.\n\n${texts.join("\n")}`;
}

/** The licence of a package; where its archive has none, the file of that name in licences/. */
function licenceText(folder) {
  const found = readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name));
  if (found) return readFileSync(join(folder, found), "utf8");
  const kept = join(here, "licences", `${manifest(folder).name.replace("/", "__")}.txt`);
  if (existsSync(kept)) return readFileSync(kept, "utf8");
  throw new Error(`${folder} holds no licence text: put it into ${kept}`);
}

function vendored() {
  const described = (folder) => {
    const { name, version, license } = manifest(folder);
    return { name, version, licence: license, source: `https://www.npmjs.com/package/${name}/v/${version}` };
  };
  const product = {
    "viewer.js": { name: own.name, version: own.version, licence: own.license, source: "inspect_ai/web/viewer", contains: bundled.map(described) },
    "viewer.css": { name: own.name, version: own.version, licence: own.license, source: "inspect_ai/web/viewer" },
    "htmx.min.js": described(htmx),
    "licences.txt": { name: own.name, version: own.version, licence: "the texts themselves", source: "inspect_ai/web/viewer" },
  };
  return {
    built_with: `esbuild ${esbuild.version}`,
    files: Object.entries(product).map(([file, about]) => ({ file, ...about, sha256: createHash("sha256").update(files[file]).digest("hex") })),
  };
}
