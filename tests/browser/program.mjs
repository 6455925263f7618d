// Runs afterpatch for the browser tests and the picture: writes demo evidence, assesses it, says where the report lies.
// Never skips: without the program nothing here can be answered, and that is an error.

import { execFile } from 'node:child_process';
import { access, constants, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The program: `AFTERPATCH`, or the release build of this workspace. */
export const PROGRAM = process.env.AFTERPATCH
  ? resolve(process.env.AFTERPATCH)
  : resolve(HERE, '../../target/release/afterpatch');

const RUN_MILLISECS_MAX = 120_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Fails with the next step when `path` is not a program. */
export async function needProgram(path, hint) {
  await access(path, constants.X_OK).catch(() => {
    throw new Error(`no program at ${path}; ${hint}`);
  });
}

/** Runs a program; `{ status, stdout, stderr }`, whatever the status. */
export function run(program, args) {
  return new Promise((done, fail) => {
    const limits = { timeout: RUN_MILLISECS_MAX, maxBuffer: OUTPUT_BYTES_MAX };
    execFile(program, args, limits, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') {
        fail(new Error(`cannot run ${program}: ${error.message}`));
      } else {
        done({ status: error ? error.code : 0, stdout, stderr });
      }
    });
  });
}

/** A folder of its own in the temporary folder, and how to remove it. */
export async function workFolder() {
  const path = await mkdtemp(join(tmpdir(), 'afterpatch-browser-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Writes the demo evidence of a scenario below `folder`; the path of the tree. */
export async function demo(folder, scenario) {
  const tree = join(folder, `${scenario}-evidence`);
  const { status, stderr } = await run(PROGRAM, ['demo', '--quiet', '--scenario', scenario, '--out', tree]);
  if (status !== 0) {
    throw new Error(`afterpatch demo ended with ${status}: ${stderr}`);
  }
  return tree;
}

/** Assesses an evidence tree; status, verdict, and where the report lies. */
export async function assess(folder, name, tree) {
  const out = join(folder, `${name}-report`);
  const { status, stderr } = await run(PROGRAM, ['assess', '--quiet', '--output', out, tree]);
  if (![0, 1, 4].includes(status)) {
    throw new Error(`afterpatch assess of ${name} ended with ${status}: ${stderr}`);
  }
  const path = join(out, 'report.html');
  const assessment = JSON.parse(await readFile(join(out, 'assessment.json'), 'utf8'));
  return { name, status, path, url: pathToFileURL(path).href, assessment };
}
