// Lets the program write CSAF documents and asks a validator that knows nothing of ours: the strict schema of CSAF 2.0
// and all mandatory tests (what the specification calls a basic validator), among them those of the profile csaf_vex.
// Opens no network connection: the tests that look at links are not among them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as basic from '@secvisogram/csaf-validator-lib/basic.js';
import * as optional from '@secvisogram/csaf-validator-lib/optionalTests.js';
import validateStrict from '@secvisogram/csaf-validator-lib/validateStrict.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** The program: `AFTERPATCH`, or the release build of this workspace. Without it nothing can be answered. */
const PROGRAM = process.env.AFTERPATCH
  ? resolve(process.env.AFTERPATCH)
  : resolve(HERE, '../../target/release/afterpatch');
accessSync(PROGRAM, constants.X_OK);

/** The tests of the profile VEX: 4.5 of the specification. */
const PROFILE = ['mandatoryTest_6_1_27_5', 'mandatoryTest_6_1_27_7', 'mandatoryTest_6_1_27_8', 'mandatoryTest_6_1_27_9',
  'mandatoryTest_6_1_27_10'];

/** Optional tests that cannot be met: no score is known to the program, and a document has no address of its own. */
const UNMET = [optional.optionalTest_6_2_3, optional.optionalTest_6_2_11];

/** The other optional tests; none of them opens a link. */
const OPTIONAL = Object.values(optional).filter((test) => !UNMET.includes(test));

const folder = mkdtempSync(join(tmpdir(), 'afterpatch-csaf-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const table = join(folder, 'servers.csv');
writeFileSync(table, ['server;build', 'EXC01;15.1.2106.2', 'EXC02;15.01.2507.075', 'EXC03;Version 15.2 (Build 858.5)',
  'EXC04;14.3.123.4', 'EXC05;15.0.1497.48', 'EXC06;15.1.1713.10', 'EXC07;15.2.2562', 'EXC08;15.2.9999.1', 'EXC09;16.0.100.1',
  'EXC10;15.0.913', 'EXC11;15.1.2200', ''].join('\r\n'));

/** What is asked, by the name of the test. */
const ASKED = {
  'an old CU of 2016': ['15.1.2106.2'],
  'the newest build of all': ['15.2.2562.53'],
  'a build that is partly closed only': ['15.2.2562.17'],
  'three parts': ['15.1.2106'],
  'a name': ['2016 CU18 Mar21SU'],
  'an update of March 2021 for an old CU': ['15.1.1713.10'],
  'no known product': ['16.0.100.1'],
  'many servers': ['--csv', table],
  'one hole only': ['15.1.2106.2', '--cve', 'CVE-2021-26855'],
  'another day and publisher': ['15.1.2106.2', '--as-of', '2024-02-29', '--publisher-name', 'Contoso "Ltd" <x>',
    '--publisher-namespace', 'https://contoso.example/'],
};

function document(asked) {
  const output = execFileSync(PROGRAM, ['advise', ...asked, '--format', 'csaf-vex'], { maxBuffer: 1 << 28 });
  return JSON.parse(output.toString('utf8'));
}

async function problems(document) {
  const { tests } = await validateStrict(Object.values(basic), document);
  assert.equal(tests.length, Object.values(basic).length);
  return tests.flatMap(({ name, errors }) => errors.map((error) => `${name} ${error.instancePath}: ${error.message}`));
}

test('the validator has the tests of the profile', () => {
  for (const name of ['csaf_2_0_strict', ...PROFILE]) {
    assert.ok(name in basic, name);
  }
});

for (const [name, asked] of Object.entries(ASKED)) {
  test(`valid: ${name}`, async () => {
    const written = document(asked);
    assert.equal(written.document.category, 'csaf_vex');
    assert.ok(written.vulnerabilities.length > 0);
    assert.deepEqual(await problems(written), []);
  });

  test(`no warning: ${name}`, async () => {
    const { tests } = await validateStrict(OPTIONAL, document(asked));
    assert.ok(tests.length >= 17, `only ${tests.length} optional tests`);
    assert.deepEqual(tests.flatMap(({ name, warnings }) => warnings.map(({ message }) => `${name}: ${message}`)), []);
  });
}

test('the same question gives the same bytes, and no server is named', () => {
  const ask = () => execFileSync(PROGRAM, ['advise', '--csv', table, '--format', 'csaf-vex'], { maxBuffer: 1 << 28 });
  const bytes = ask();
  assert.ok(bytes.equals(ask()));
  assert.doesNotMatch(bytes.toString('utf8'), /EXC0\d/);
});

test('what the document says is what the JSON says', () => {
  const advice = JSON.parse(execFileSync(PROGRAM, ['advise', '--csv', table, '--format', 'json'], { maxBuffer: 1 << 28 }));
  const written = document(['--csv', table]);
  const lists = { open: 'known_affected', partly: 'under_investigation', undetermined: 'under_investigation', fixed: 'fixed' };
  let compared = 0;
  for (const build of advice.builds) {
    const product = `exchange-${build.id.replaceAll(' ', '-')}`;
    const status = (id, list) => {
      const vulnerability = written.vulnerabilities.find(({ cve, ids }) => (cve ?? ids[0].text) === id);
      return vulnerability.product_status[list]?.includes(product);
    };
    for (const hole of build.holes) {
      assert.ok(status(hole.id, lists[hole.state]), `${product} ${hole.id}`);
      compared += 1;
    }
    for (const id of build.not_affected) {
      assert.ok(status(id, 'known_not_affected'), `${product} ${id}`);
    }
  }
  assert.ok(compared > 1000);
});

/** Each makes a valid document wrong; the validator has to say so, or the tests above say nothing. */
const affected = (d) => d.vulnerabilities.find((v) => v.cve && v.product_status.known_affected);
const DEFECTS = {
  'a product in two states': (d) => {
    const { product_status: status } = affected(d);
    status.fixed = [...(status.fixed ?? []), status.known_affected[0]];
  },
  'a product that is not in the tree': (d) => { affected(d).product_status.known_affected.push('nobody'); },
  'an affected product without a remediation': (d) => { delete affected(d).remediations; },
  'a product never affected without a reason': (d) => {
    const v = d.vulnerabilities.find((v) => v.product_status.known_not_affected);
    v.threats = v.threats.filter(({ category }) => category !== 'impact');
  },
  'no state at all': (d) => { delete d.vulnerabilities[0].product_status; },
  'no notes': (d) => { delete d.vulnerabilities[0].notes; },
  'no id': (d) => { delete affected(d).cve; },
  'the same product twice in the tree': (d) => {
    const [name] = d.product_tree.branches[0].branches;
    name.branches.push(structuredClone(name.branches[0]));
  },
  'a field that CSAF does not know': (d) => { d.document.server = 'EXC01'; },
  'a day that is none': (d) => { d.document.tracking.current_release_date = '2026-11-23'; },
  'a namespace that is no URI': (d) => { d.document.publisher.namespace = 'contoso'; },
};

for (const [name, spoil] of Object.entries(DEFECTS)) {
  test(`noticed: ${name}`, async () => {
    const written = document(['15.1.2106.2', '15.2.2562.53']);
    spoil(written);
    const found = await problems(JSON.parse(JSON.stringify(written)));
    assert.notDeepEqual(found, []);
  });
}

test('the lock file pins the validator', () => {
  const lock = JSON.parse(readFileSync(join(HERE, 'package-lock.json'), 'utf8'));
  assert.match(lock.packages['node_modules/@secvisogram/csaf-validator-lib'].integrity, /^sha512-/);
});
