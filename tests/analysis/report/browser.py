"""A page, looked at in a real browser without a window."""
import json
import os
import re
import shutil
import subprocess

import pytest

# Runs in the page once it is laid out; the page's own files have no script.
_PROBE = """
<script>
addEventListener('load', () => setTimeout(() => {
  const box = e => { const b = e.getBoundingClientRect();
                     return [b.width, b.height]; };
  const inside = e => {
    const outer = e.getBoundingClientRect();
    return [...e.querySelectorAll('text')].every(t => {
      const b = t.getBoundingClientRect();
      return b.left >= outer.left - 1 && b.right <= outer.right + 1; }); };
  const found = {
    width: innerWidth, scroll: document.documentElement.scrollWidth,
    ink: getComputedStyle(document.body).color,
    page: getComputedStyle(document.body).backgroundColor,
    svgs: [...document.querySelectorAll('svg')].map(box),
    drawn: [...document.querySelectorAll('svg')].map(
      e => [...e.querySelectorAll('path')].filter(
        p => getComputedStyle(p).stroke.startsWith('rgb(')).length),
    inside: [...document.querySelectorAll('svg')].map(inside),
    ids: [...document.querySelectorAll('[id]')].map(e => e.id),
    fetched: performance.getEntriesByType('resource').map(e => e.name)};
  const pre = document.createElement('pre');
  pre.id = 'found';
  pre.textContent = 'FOUND' + JSON.stringify(found) + 'END';
  document.body.append(pre);
}, 50));
</script></body>"""


def chromium():
    """Return a Chromium to run; skip without one, but never under CI."""
    path = shutil.which('chromium') or shutil.which('google-chrome')
    if path is None:
        reason = 'needs Chromium (Debian: apt-get install chromium)'
        if os.environ.get('CI') == 'true':
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def look(html, folder, width, dark=False):
    """Lay a page out at a width and return what was measured there."""
    path = folder / f'page_{width}_{dark}.html'
    # A window is never narrower than 500: a frame is.
    inner = folder / f'inner_{width}_{dark}.html'
    inner.write_text(html.replace('</body>', _PROBE), encoding='utf-8')
    path.write_text(
        f'<body style="margin:0"><iframe src="{inner.name}" width="{width}" '
        'height="4000" style="border:0"></iframe><script>'
        'addEventListener("message", () => {});'
        'setTimeout(() => { const d = '
        'document.querySelector("iframe").contentDocument;'
        'document.body.append(d.getElementById("found").textContent); }, '
        '1500)</script></body>', encoding='utf-8')
    net = folder / f'net_{width}_{dark}.json'
    done = subprocess.run(
        [chromium(), '--headless', '--no-sandbox', '--disable-gpu',
         '--allow-file-access-from-files', '--enable-logging=stderr',
         f'--user-data-dir={folder / "profile"}', f'--log-net-log={net}',
         '--disable-background-networking', '--no-first-run',
         '--virtual-time-budget=4000', '--dump-dom',
         *(['--blink-settings=preferredColorScheme=0'] if dark else []),
         path.as_uri()], capture_output=True, text=True, timeout=120)
    found = re.search('FOUND(.*?)END(?!;)', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    result = json.loads(found[1].replace('&amp;', '&').replace('&lt;', '<'))
    result['console'] = [line for line in done.stderr.splitlines()
                         if 'CONSOLE' in line]
    return result
