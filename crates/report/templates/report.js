// The page reads without this script. With it the table of all repositories can be sorted, searched and narrowed, each row
// opens with its policy and repair, and the address names the view. Foreign text only ever goes through textContent.
(async () => {
  'use strict';
  const $ = (id) => document.getElementById(id);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  let data;
  try {
    const packed = atob($('data').textContent);
    const bytes = new Uint8Array(packed.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = packed.charCodeAt(at);
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    data = JSON.parse(await new Response(unpacked).text());
  } catch {
    return; // A browser that cannot unpack it has the page as it is.
  }

  const columns = new Map(data.columns.map((column) => [column.name, column]));
  const count = data.columns[0].rows.length;
  const diagnoses = new Map(data.diagnoses.map(([word, title, tone, meaning], at) => [word, { title, tone, meaning, at }]));
  const value = (name, row) => { const column = columns.get(name); return column.values[column.rows[row]]; };
  const listed = (value) => (Array.isArray(value) ? value : Object.entries(value).map(([name, n]) => `${name} ${n}`)).join('; ');
  const text = (value) => (value === null ? '' : typeof value === 'object' ? listed(value) : String(value));
  // A repository is covered where one image is: the number of images is beside it.
  const images = (word, row) => {
    const [scanned, not] = [value('images_scanned', row), value('images_not_scanned', row)];
    return word === 'covered' && not > 0 ? `, ${scanned} of ${scanned + not} images` : '';
  };
  const shown = (name, value) => (name === 'diagnosis' && diagnoses.has(value) ? diagnoses.get(value).title : text(value));
  const number = (n) => n.toLocaleString('en');
  const needsAction = data.diagnoses.filter(([, , tone, ]) => tone !== 'good' && tone !== 'neutral').map(([word]) => word);

  // What the reader asks for. It is all in the address.
  const SORT = 'diagnosis';
  const fresh = () => ({ q: '', sort: SORT, columns: data.shown.slice(), open: '', facets: new Map(data.facets.map((name) => [name, new Set()])) });
  let view = fresh();
  const PREFIX = '#?';

  const toAddress = () => {
    const parameters = new URLSearchParams();
    if (view.q) parameters.set('q', view.q);
    for (const [name, chosen] of view.facets) for (const one of chosen) parameters.append(name, one);
    if (view.sort !== SORT) parameters.set('sort', view.sort || 'none');
    if (view.columns.join() !== data.shown.join()) parameters.set('columns', view.columns.join());
    if (view.open) parameters.set('open', view.open);
    const address = parameters.toString();
    return address ? PREFIX + address : PREFIX;
  };
  const fromAddress = () => {
    const wanted = fresh();
    const parameters = new URLSearchParams(location.hash.startsWith(PREFIX) ? location.hash.slice(PREFIX.length) : '');
    wanted.q = parameters.get('q') || '';
    for (const name of data.facets) for (const one of parameters.getAll(name)) wanted.facets.get(name).add(one);
    const sort = parameters.get('sort') || SORT;
    if (sort === 'none') wanted.sort = '';
    else if (columns.has(sort.replace(/^-/, ''))) wanted.sort = sort;
    const chosen = (parameters.get('columns') || '').split(',').filter((name) => columns.has(name));
    if (chosen.length) wanted.columns = chosen;
    wanted.open = parameters.get('open') || '';
    return wanted;
  };

  // Ranks of a column's values: sorting compares numbers.
  const collator = new Intl.Collator('en', { numeric: true });
  const ranks = new Map();
  const rank = (name) => {
    if (!ranks.has(name)) {
      const { values } = columns.get(name);
      const order = values.map((_, at) => at);
      if (name === 'diagnosis') order.sort((a, b) => diagnoses.get(values[a]).at - diagnoses.get(values[b]).at);
      else {
        const texts = values.map(text);
        order.sort((a, b) => collator.compare(texts[a], texts[b]));
      }
      const places = new Uint32Array(values.length);
      order.forEach((at, place) => { places[at] = place; });
      ranks.set(name, places);
    }
    return ranks.get(name);
  };

  let haystack = null;
  const SEARCHED = ['repository', 'account_id', 'account_name', 'ou_path', 'region', 'responsible_statements', 'coverage_reason', 'repository_arn', 'cause', 'next_step', 'diagnosis', 'policy_verdict', 'coverage_status', 'likely_cause', 'depends_on', 'accepted_by', 'accepted_because'];
  const hay = (row) => {
    haystack = haystack || new Array(count);
    return (haystack[row] = haystack[row] || SEARCHED.map((name) => shown(name, value(name, row))).join('\n').toLowerCase());
  };

  // Every word has to be there. One with a prefix looks into its columns alone: `ou:payments is:blocked region:eu-west-1`.
  const PREFIXES = { ou: ['ou_path'], region: ['region'], account: ['account_id', 'account_name'], cause: ['cause'], is: ['diagnosis', 'accepted'] };
  const plain = (word) => word.toLowerCase().replace(/[ _-]+/g, '-');
  const isOne = (row, word) => {
    if (word === 'accepted') return value('accepted', row) === 'yes';
    if (word === 'action' || word === 'needs-action') return needsAction.includes(value('diagnosis', row));
    const diagnosis = value('diagnosis', row);
    return [diagnosis, diagnoses.get(diagnosis).title].some((one) => plain(one).startsWith(word));
  };
  const conditions = (query) => [...query.toLowerCase().matchAll(/(?:(\p{L}+):)?(?:"([^"]*)"?|(\S+))/gu)].map(([whole, prefix, quoted, word]) => {
    const wanted = quoted ?? word;
    // A prefix that waits for its word.
    if (quoted === undefined && word.endsWith(':') && Object.hasOwn(PREFIXES, word.slice(0, -1))) return () => true;
    if (!Object.hasOwn(PREFIXES, prefix ?? '')) { const needle = quoted === undefined || prefix ? whole : quoted; return (row) => hay(row).includes(needle); }
    if (prefix === 'is') { const one = plain(wanted); return (row) => isOne(row, one); }
    return (row) => PREFIXES[prefix].some((name) => text(value(name, row)).toLowerCase().includes(wanted));
  });

  // One pass: a row counts for a facet when nothing but that facet may leave it out.
  let matches = new Uint32Array(0);
  let counts = new Map();
  const select = () => {
    const wanted = conditions(view.q);
    const facets = data.facets.map((name) => {
      const { values, rows } = columns.get(name);
      const chosen = view.facets.get(name);
      return { rows, open: chosen.size === 0, wanted: values.map((one) => chosen.has(text(one))), counts: new Uint32Array(values.length) };
    });
    const found = [];
    for (let row = 0; row < count; row++) {
      if (!wanted.every((holds) => holds(row))) continue;
      let out = 0;
      let which = -1;
      facets.forEach((facet, at) => { if (!facet.open && !facet.wanted[facet.rows[row]]) { out++; which = at; } });
      if (out === 0) { found.push(row); for (const facet of facets) facet.counts[facet.rows[row]]++; }
      else if (out === 1) facets[which].counts[facets[which].rows[row]]++;
    }
    if (view.sort) {
      const name = view.sort.replace(/^-/, '');
      const places = rank(name);
      const { rows } = columns.get(name);
      const down = view.sort.startsWith('-') ? -1 : 1;
      found.sort((a, b) => down * (places[rows[a]] - places[rows[b]]) || a - b);
    }
    matches = Uint32Array.from(found);
    counts = new Map(data.facets.map((name, at) => [name, facets[at].counts]));
  };

  // Rows are drawn as they come into sight. All have one height, and what they hold in full is in the panel.
  const HEIGHT = 40;
  const SPARE = 12;
  const PRINTED = 5000;
  const port = $('window');
  const body = $('body');
  let active = 0;
  const spacer = (rows) => {
    const cell = make('td', { colspan: view.columns.length });
    cell.style.height = `${rows * HEIGHT}px`;
    return make('tr', { 'aria-hidden': 'true', class: 'spacer' }, cell);
  };
  const drawRow = (place) => {
    const row = matches[place];
    const line = make('tr', { 'aria-rowindex': place + 2, tabindex: place === active ? 0 : -1, 'data-place': place });
    view.columns.forEach((name) => {
      const word = value(name, row);
      const said = shown(name, word);
      const cell = make(name === 'repository' ? 'th' : 'td', name === 'repository' ? { scope: 'row', title: said } : { title: said });
      if (name === 'diagnosis') cell.append(make('span', { class: `tag ${diagnoses.get(word).tone}` }, said), images(word, row));
      else cell.append(said);
      line.append(cell);
    });
    return line;
  };
  let drawn = '';
  const draw = (force) => {
    const first = Math.max(0, Math.floor(port.scrollTop / HEIGHT) - SPARE);
    const last = Math.min(matches.length, first + Math.ceil(port.clientHeight / HEIGHT) + 2 * SPARE);
    const key = `${first}-${last}`;
    if (!force && key === drawn) return;
    drawn = key;
    const held = body.contains(document.activeElement);
    const lines = [];
    if (first > 0) lines.push(spacer(first));
    for (let place = first; place < last; place++) lines.push(drawRow(place));
    if (last < matches.length) lines.push(spacer(matches.length - last));
    body.replaceChildren(...lines);
    $('nothing').hidden = matches.length > 0;
    if (held) body.querySelector(`[data-place="${active}"]`)?.focus({ preventScroll: true });
  };

  const drawHeads = () => {
    $('heads').replaceChildren(...view.columns.map((name) => {
      const column = columns.get(name);
      const button = make('button', { type: 'button', title: column.meaning }, column.title);
      button.addEventListener('click', () => { sortBy(name); });
      const head = make('th', { scope: 'col', 'data-column': name }, button);
      if (view.sort.replace(/^-/, '') === name) head.setAttribute('aria-sort', view.sort.startsWith('-') ? 'descending' : 'ascending');
      return head;
    }));
    $('rows').setAttribute('aria-rowcount', matches.length + 1);
  };
  const sortBy = (name) => {
    view.sort = view.sort === name ? `-${name}` : view.sort === `-${name}` ? '' : name;
    update();
    document.querySelector(`#heads [data-column="${name}"] button`)?.focus();
  };

  // Facets: a list of values with how many rows each would show.
  const LISTED = 16;
  const names = new Map();
  const label = (name, one) => {
    if (name !== 'account_id') return shown(name, one) || '(none)';
    if (!names.size) for (let row = 0; row < count; row++) names.set(value('account_id', row), value('account_name', row));
    return `${text(names.get(one))} (${one})`;
  };
  const facetParts = new Map();
  const buildFacets = () => {
    $('facets').replaceChildren(...data.facets.map((name) => {
      const { title, values } = columns.get(name);
      const list = make('ul');
      const group = make('details', { open: '' }, make('summary', {}, title));
      const part = { list, find: null };
      if (values.length > LISTED) {
        part.find = make('input', { type: 'search', 'aria-label': `Find in ${title}`, placeholder: 'find' });
        part.find.addEventListener('input', () => { drawFacet(name); });
        group.append(part.find);
      }
      group.append(list);
      facetParts.set(name, part);
      return group;
    }));
  };
  const drawFacet = (name) => {
    const { values } = columns.get(name);
    const { list, find } = facetParts.get(name);
    const chosen = view.facets.get(name);
    const found = counts.get(name);
    const needle = find ? find.value.trim().toLowerCase() : '';
    let order = values.map((_, at) => at).filter((at) => found[at] > 0 || chosen.has(text(values[at])));
    if (needle) order = order.filter((at) => label(name, values[at]).toLowerCase().includes(needle));
    if (name === 'diagnosis') order.sort((a, b) => rank(name)[a] - rank(name)[b]);
    else order.sort((a, b) => chosen.has(text(values[b])) - chosen.has(text(values[a])) || found[b] - found[a] || rank(name)[a] - rank(name)[b]);
    const rest = order.length - LISTED;
    const focused = document.activeElement?.dataset?.value;
    const inside = list.contains(document.activeElement);
    list.replaceChildren(...order.slice(0, LISTED).map((at) => {
      const one = text(values[at]);
      const box = make('input', { type: 'checkbox', 'data-value': one });
      box.checked = chosen.has(one);
      box.addEventListener('change', () => { if (box.checked) chosen.add(one); else chosen.delete(one); update(); });
      return make('li', {}, make('label', {}, box, make('span', { class: 'what' }, label(name, values[at])), make('span', { class: 'many' }, number(found[at]))));
    }));
    if (rest > 0) list.append(make('li', { class: 'rest' }, `and ${number(rest)} more: find them above`));
    if (inside && focused !== undefined) [...list.querySelectorAll('input')].find((box) => box.dataset.value === focused)?.focus();
  };

  const buildColumns = () => {
    $('columns').replaceChildren(...data.columns.map(({ name, title }) => {
      const box = make('input', { type: 'checkbox' });
      box.checked = view.columns.includes(name);
      box.addEventListener('change', () => {
        const wanted = new Set(view.columns);
        if (box.checked) wanted.add(name); else wanted.delete(name);
        if (wanted.size === 0) { box.checked = true; return; }
        const order = [...data.shown, ...data.columns.map((column) => column.name).filter((one) => !data.shown.includes(one))];
        view.columns = order.filter((one) => wanted.has(one));
        update();
      });
      return make('label', {}, box, title);
    }));
  };

  const update = (quiet) => {
    select();
    active = 0;
    port.scrollTop = 0;
    drawHeads();
    data.facets.forEach(drawFacet);
    draw(true);
    if ($('search').value !== view.q) $('search').value = view.q;
    $('result').textContent = matches.length === count
      ? `${number(count)} ${count === 1 ? 'repository' : 'repositories'}`
      : `${number(matches.length)} of ${number(count)} repositories`;
    if (!quiet) history.replaceState(null, '', toAddress());
  };

  // The panel: everything that is known of one repository.
  const panel = $('panel');
  const quote = (word) => `'${word.replaceAll("'", String.raw`'\''`)}'`;
  const commands = (row) => {
    const [account, region, repository] = ['account_id', 'region', 'repository'].map((name) => value(name, row));
    const place = `--account ${account} --region ${region} --repository ${quote(repository)}`;
    // Each repository and text has a file of its own: one that is left from another can never be stored here.
    const text = String(value('policy_sha256', row)).slice(0, 8);
    const file = quote(`repaired-${account}-${region}-${repository.replaceAll('/', '+')}-${text}.json`);
    return `scangap explain --snapshot snapshot.db ${place} --fix --write ${file}\n`
      + `aws ecr set-repository-policy --registry-id ${account} --region ${region} --repository-name ${quote(repository)} --policy-text file://${file}`;
  };
  const copier = (title, what) => {
    const button = make('button', { type: 'button' }, title);
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(what());
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'Copying is not allowed here';
      }
      setTimeout(() => { button.textContent = title; }, 2000);
    });
    return button;
  };
  const block = (lines) => {
    const pre = make('pre', { tabindex: 0 });
    for (const [kind, line] of lines) pre.append(...(typeof kind === 'string' ? [make(kind, {}, line)] : [line]), '\n');
    return pre;
  };
  const policyParts = (policy, title, row) => {
    const parts = [make('h3', {}, title), block(policy.lines.map(([line, marked]) => [marked ? 'mark' : null, line]))];
    if (!policy.repair) return [...parts, make('p', {}, `No repair by an exemption: ${policy.no_repair}`)];
    parts.push(make('h3', {}, "The repair: it exempts Inspector's role of the account, and nobody else"));
    parts.push(block(policy.repair.map(([sign, line]) => [sign === '+' ? 'ins' : sign === '-' ? 'del' : null, `${sign} ${line}`])));
    if (row === null) return [...parts, make('p', {}, 'It is the policy of the registry: `aws ecr put-registry-policy` changes it, for every repository of the account in the region.')];
    parts.push(make('h3', {}, 'Commands to apply this fix'), block([[null, commands(row)]]));
    return [...parts, make('p', {}, copier('Copy the commands', () => commands(row)))];
  };
  const openPanel = (row) => {
    view.open = value('repository_arn', row);
    history.replaceState(null, '', toAddress());
    const diagnosis = diagnoses.get(value('diagnosis', row));
    $('panel-title').textContent = value('repository', row);
    const parts = [make('p', {}, make('span', { class: `tag ${diagnosis.tone}` }, diagnosis.title), `${images(value('diagnosis', row), row)} ${diagnosis.meaning}`)];
    parts.push(make('p', {}, make('b', {}, 'What to do: '), text(value('next_step', row))));
    const [account, region] = [value('account_id', row), value('region', row)];
    const place = [`${text(value('account_name', row))} (${account})`, region, text(value('ou_path', row))].filter((part) => part !== '').join(', ');
    parts.unshift(make('p', {}, place));
    if (data.console !== null) {
      const path = value('repository', row).split('/').map(encodeURIComponent).join('/');
      const href = `${data.console.replace('{region}', region)}/${account}/${path}?region=${region}`;
      parts.push(make('p', {}, make('a', { href, rel: 'noreferrer', id: 'console' }, "Open in AWS's console")));
    }
    const own = data.policies[`${account} ${value('policy_sha256', row)}`];
    const registry = data.policies[`${account} ${region} ${value('registry_policy_sha256', row)}`];
    const blamed = (label) => value('responsible_statements', row).some((statement) => statement.startsWith(label));
    const policy = blamed('repository policy: ') ? own : null;
    if (registry && blamed('registry policy: ')) parts.push(...policyParts(registry, 'The policy of the whole registry, with what is responsible marked', null));
    if (policy) {
      parts.push(...policyParts(policy, 'Policy (the responsible statement is highlighted)', row));
    } else if (!registry && ['denied', 'depends'].includes(value('policy_verdict', row))) {
      parts.push(make('p', {}, 'The text of what is responsible is not in this page: policies.csv has it, and `scangap explain --snapshot` shows it.'));
    }
    const list = make('dl');
    for (const column of data.columns) {
      const said = shown(column.name, value(column.name, row));
      list.append(make('dt', { title: column.meaning }, column.title), make('dd', {}, said === '' ? '\u2013' : said));
    }
    parts.push(make('h3', {}, 'All that is known'), list);
    parts.push(make('p', {}, copier('Copy link to this repository', () => location.href)));
    $('panel-body').replaceChildren(...parts);
    if (!panel.open) panel.showModal();
    $('panel-body').scrollTop = 0;
  };
  panel.addEventListener('close', () => {
    view.open = '';
    history.replaceState(null, '', toAddress());
    body.querySelector(`[data-place="${active}"]`)?.focus();
  });
  panel.addEventListener('click', (event) => { if (event.target === panel) panel.close(); });
  $('close').addEventListener('click', () => { panel.close(); });

  const go = (place) => {
    active = Math.max(0, Math.min(matches.length - 1, place));
    const head = $('heads').offsetHeight;
    const top = active * HEIGHT;
    if (top < port.scrollTop) port.scrollTop = top;
    if (top + HEIGHT > port.scrollTop + port.clientHeight - head) port.scrollTop = top + HEIGHT + head - port.clientHeight;
    draw(true);
    body.querySelector(`[data-place="${active}"]`)?.focus({ preventScroll: true });
  };
  body.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(port.clientHeight / HEIGHT) - 2);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -matches.length, End: matches.length }[event.key];
    if (step !== undefined) { event.preventDefault(); go(active + step); }
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); openPanel(matches[active]); }
  });
  body.addEventListener('click', (event) => {
    const line = event.target.closest('tr[data-place]');
    if (!line || String(getSelection())) return;
    active = Number(line.dataset.place);
    openPanel(matches[active]);
  });
  port.addEventListener('scroll', () => { requestAnimationFrame(() => { draw(false); }); }, { passive: true });
  addEventListener('resize', () => { draw(false); });

  let typing = 0;
  $('search').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => { view.q = $('search').value; update(); }, count > 20000 ? 150 : 0);
  });
  const narrow = (facets) => {
    view = { ...fresh(), columns: view.columns };
    for (const [name, chosen] of Object.entries(facets)) for (const one of chosen) view.facets.get(name).add(one);
    update();
  };
  $('clear').addEventListener('click', () => { narrow({}); });
  $('clear-nothing').addEventListener('click', () => { narrow({}); $('search').focus(); });
  $('needs-action').addEventListener('click', () => { narrow({ diagnosis: needsAction }); });
  $('share').replaceWith(copier('Copy link to this view', () => location.href));

  // The figures and the map lead into the table.
  const linked = (element, facets, what) => {
    const parameters = new URLSearchParams();
    for (const [name, chosen] of Object.entries(facets)) for (const one of chosen) parameters.append(name, one);
    const link = make('a', { href: `${PREFIX}${parameters}` }, ...what.childNodes);
    what.replaceChildren(link);
    element.classList.add('leads');
  };
  for (const figure of document.querySelectorAll('.figures [data-diagnosis]')) {
    // A page that holds a part leads to what it holds whole, and to nothing that it would have to call none.
    if (data.whole.includes(figure.dataset.diagnosis)) linked(figure, { diagnosis: [figure.dataset.diagnosis] }, figure.querySelector('.name'));
  }
  // The map on one screen: a square for each account in each region that has something there, by OU, the worst first.
  const TONES = ['bad', 'warning', 'question', 'neutral', 'good'];
  const drawMap = () => {
    const heat = document.querySelector('.heat');
    const regions = [...heat.tHead.rows[0].cells].slice(1).map((head) => head.textContent);
    const units = new Map();
    for (const row of heat.tBodies[0].rows) {
      const [head, ...fields] = row.cells;
      const [account, name] = [row.dataset.account, head.firstChild.textContent];
      const unit = units.get(row.dataset.ou) || { accounts: 0, cells: regions.map(() => []), tally: TONES.map(() => 0) };
      units.set(row.dataset.ou, unit);
      unit.accounts++;
      fields.forEach((field, at) => {
        const tone = TONES.indexOf(field.className);
        if (tone < 0) return;
        unit.tally[tone]++;
        const [word, detail] = [field.firstChild.nodeName === '#text' ? field.firstChild.textContent : '', field.lastElementChild.textContent];
        unit.cells[at].push({ tone, account, region: field.dataset.region, said: `${name} (${account}), ${regions[at]}: ${[word, detail].filter(Boolean).join(', ')}` });
      });
    }
    const worse = (a, b) => { const at = a.findIndex((n, place) => n !== b[place]); return at < 0 ? 0 : b[at] - a[at]; };
    const sorted = [...units].sort(([a, one], [b, two]) => worse(one.tally, two.tally) || collator.compare(a, b));
    const told = make('p', { id: 'square' }, `Arrow keys move between squares${data.all ? '; Enter shows the repositories of one that has any' : ''}.`);
    const square = ({ tone, account, region, said }) => {
      const one = make('button', { type: 'button', class: `square ${TONES[tone]}`, tabindex: -1, 'aria-label': said, title: said });
      if (region && data.all) one.dataset.to = new URLSearchParams([['account_id', account], ['region', region]]).toString();
      return one;
    };
    const cell = (squares, at) => make('div', { role: 'gridcell', 'data-at': at }, ...squares.sort((a, b) => a.tone - b.tone).map(square));
    const unitName = (ou) => ou || '(directly under the root)';
    const grid = make('div', { role: 'grid', tabindex: -1, 'aria-label': 'Accounts by OU and region' },
      make('div', { role: 'row' }, ...['OU', ...regions].map((title) => make('div', { role: 'columnheader' }, title))),
      ...sorted.map(([ou, unit]) => make('div', { role: 'row' },
        make('div', { role: 'rowheader', title: unitName(ou) }, unitName(ou), make('small', {}, ` ${number(unit.accounts)}`)),
        ...unit.cells.map(cell))));
    grid.style.setProperty('--regions', regions.length);
    $('squares').replaceChildren(told, grid);
    const all = [...grid.querySelectorAll('.square')];
    if (!all.length) return;
    all[0].tabIndex = 0;
    const tell = (one) => { told.textContent = one.title; };
    const move = (one) => {
      all.find((other) => other.tabIndex === 0).tabIndex = -1;
      one.tabIndex = 0;
      one.focus();
    };
    // The nearest row above or below with a square in the same region, else in any.
    const beside = (one, step) => {
      const at = one.parentElement.dataset.at;
      for (let row = one.closest('[role=row]'); (row = step > 0 ? row.nextElementSibling : row.previousElementSibling);) {
        const found = row.querySelector(`[data-at="${at}"] .square`);
        if (found) return found;
      }
      return one;
    };
    grid.addEventListener('keydown', (event) => {
      const one = event.target.closest('.square');
      if (!one || event.altKey || event.ctrlKey || event.metaKey) return;
      const place = all.indexOf(one);
      const next = {
        ArrowRight: () => all[place + 1], ArrowLeft: () => all[place - 1], Home: () => all[0], End: () => all.at(-1),
        ArrowDown: () => beside(one, 1), ArrowUp: () => beside(one, -1),
      }[event.key];
      if (next) { event.preventDefault(); move(next() || one); }
    });
    grid.addEventListener('focusin', (event) => { const one = event.target.closest('.square'); if (one) tell(one); });
    grid.addEventListener('mouseover', (event) => { const one = event.target.closest('.square'); if (one) tell(one); });
    grid.addEventListener('click', (event) => {
      const one = event.target.closest('.square');
      if (!one?.dataset.to) return;
      history.pushState(null, '', `${PREFIX}${one.dataset.to}`);
      follow(true);
    });
  };
  drawMap();
  const follow = (move) => {
    view = fromAddress();
    buildColumns();
    update(true);
    if (view.open) {
      const { values, rows } = columns.get('repository_arn');
      const wanted = values.indexOf(view.open);
      const row = wanted < 0 ? -1 : rows.indexOf(wanted);
      if (row >= 0) {
        const place = matches.indexOf(row);
        if (place >= 0) go(place);
        openPanel(row);
        return;
      }
    }
    if (panel.open) panel.close();
    if (move) $('explore').scrollIntoView();
  };
  addEventListener('hashchange', () => { if (location.hash.startsWith(PREFIX)) follow(true); });

  // On paper every selected row is printed in full, up to a limit.
  addEventListener('beforeprint', () => {
    if (!document.documentElement.classList.contains('print-all')) return;
    const lines = [];
    for (let place = 0; place < Math.min(matches.length, PRINTED); place++) lines.push(drawRow(place));
    if (matches.length > PRINTED) lines.push(make('tr', {}, make('td', { colspan: view.columns.length }, `${number(matches.length - PRINTED)} more rows are in repositories.csv.`)));
    body.replaceChildren(...lines);
    for (const details of document.querySelectorAll('details:not([open])')) { details.open = true; details.dataset.shut = ''; }
  });
  $('print-all').addEventListener('click', () => { document.documentElement.classList.add('print-all'); print(); });
  addEventListener('afterprint', () => {
    if (!document.documentElement.classList.contains('print-all')) return;
    document.documentElement.classList.remove('print-all');
    for (const details of document.querySelectorAll('details[data-shut]')) { details.open = false; delete details.dataset.shut; }
    draw(true);
  });

  document.documentElement.classList.add('with-script');
  buildFacets();
  if (location.hash.startsWith(PREFIX)) follow(true);
  else {
    buildColumns();
    update(true);
    if (location.hash) document.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"]`)?.scrollIntoView();
  }
  document.documentElement.classList.add('ready');
})();
