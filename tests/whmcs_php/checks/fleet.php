<?php
// The page of staff and the tile against a running whmeter: what it says of panels and accounts, and what its buttons do.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';
require dirname(__DIR__) . '/stubs/staff.php';

use WHMCS\Database\Capsule;
use WHMCS\Module\Server\Whmeter\Push;

/** What one question at whmeter itself is answered. */
function asked(string $path): array
{
    $context = stream_context_create(['http' => ['header' => 'Authorization: Bearer ' . getenv('WHMETER_ADMIN_TOKEN'), 'ignore_errors' => true]]);
    return json_decode(file_get_contents('http://127.0.0.1:' . getenv('WHMETER_PORT') . $path, false, $context), true, 32, JSON_THROW_ON_ERROR);
}

/** Looks at something until it is so. */
function until(string $what, callable $look): void
{
    for ($tries = 0; $tries < 100; $tries++) {
        if ($look()) {
            return;
        }
        usleep(200000);
    }
    throw new LogicException("never: $what");
}

$token = ['token' => 'session"token'];
server_row(20);
server_row(12, ['type' => 'puqMinIOS3']);
product(17, 'S3 Storage 100', 'puqMinIOS3', ['configoption2' => 'GB', 'configoption3' => 'a lot']);
product(31, 'Metered usage', 'whmeter', ['configoption8' => 'most of it']);
service(7731, 1042, 17, 12, '7-41');
service(7732, 1042, 31, 12, 'someone');

checks([
    'the list says what is not right, and whmeter tells its operator' => static function (): void {
        Push::all();
        same([], $GLOBALS['activity'] === [] ? ['nothing said'] : [], 'sizes are said in WHMCS too');
        $sizes = array_column(asked('/v1/report?what=sizes'), 'detail');
        sort($sizes);
        holds(count($sizes) === 2 && str_contains($sizes[0], 'percentage to warn at: "most of it"') && str_contains($sizes[1], 'storage: "a lot GB" is no size'), json_encode($sizes));
        $companions = asked('/v1/report?what=companions');
        same([[7731, 'service 7731 has no companion, and its usage is not billed', '7-41']], array_map(static fn ($one) => [$one['service'], $one['detail'], $one['username']], $companions), 'companions');
    },
    'the overview says how panels stand and what is not billed, with money' => static function (): void {
        until('whose accounts are is known', static fn () => str_contains(page(), 'Usage that no service pays for'));
        $html = page();
        holds(str_contains($html, '<td>s3</td>') && preg_match('/Usage that no service pays for: \d+ lines, \d+\.\d\d EUR this month so far/', $html) === 1, $html);
        holds(str_contains($html, 'Companions that are not as they should be') && str_contains($html, 'Sizes in WHMCS that nobody can read'), 'findings');
        [$tile] = run_hook('AdminHomeWidgets');
        holds(preg_match('/usage that no service pays for: \d+ lines, \d+\.\d\d EUR/', $tile->generateOutput($tile->getData())) === 1, 'the tile too');
    },
    'findings, the map and the log are listed' => static function (): void {
        holds(str_contains(page(['tab' => 'findings', 'what' => 'unbilled']), '7-42 on s3'), page(['tab' => 'findings']));
        $map = page(['tab' => 'map', 'state' => 'unmapped']);
        holds(str_contains($map, '7-42') && !str_contains($map, '>7-41<'), $map);
    },
    'an account is given to a service by hand, and taken back; the audit has who it was' => static function () use ($token): void {
        $wish = $token + ['whmeter_do' => 'map', 'backend' => 's3', 'account' => '7-42', 'service' => '7732'];
        $_GET['tab'] = 'map';
        $html = pressed($wish, ['tab' => 'map']);
        holds(str_contains($html, '7-42 on s3 belongs to service 7732'), $html);
        until('it is the service\'s', static fn () => str_contains(page(['tab' => 'map', 'state' => 'pinned']), '7-42'));
        // Another account of the same service does not fit, unless somebody insists.
        $other = ['account' => '7-411'] + $wish;
        holds(str_contains(pressed($other), 'account 7-42 belongs to this service already'), pressed($other));
        holds(str_contains(pressed($other + ['force' => '1']), ', although account 7-42'), 'insisted on');
        holds(str_contains(pressed(['account' => 'nobody'] + $wish), 'no account'), 'never seen');
        foreach (['7-42', '7-411'] as $account) {
            holds(str_contains(pressed($token + ['whmeter_do' => 'unmap', 'backend' => 's3', 'account' => $account]), 'by its name again'), $account);
        }
        holds(str_contains(pressed($token + ['whmeter_do' => 'unmap', 'backend' => 's3', 'account' => '7-42']), 'was not mapped by hand'), 'twice');
        holds(str_contains(pressed($token + ['whmeter_do' => 'poll', 'backend' => 's3']), 'Panel s3 is read now'), 'poll');
        holds(str_contains(page(['tab' => 'log', 'backend' => 's3']), 'A panel and an account together'), 'one alone');
        holds(str_contains(page(['tab' => 'log', 'backend' => 's3', 'account' => '7-42']), 'service 7732'), 'of one account');
        $log = page(['tab' => 'log']);
        holds(substr_count($log, 'API, token admin, for WHMCS admin op??r') >= 5 && str_contains($log, 'service 7732'), $log);
    },
    'what whmeter does not know is said' => static function () use ($token): void {
        holds(str_contains(pressed($token + ['whmeter_do' => 'poll', 'backend' => 'nowhere']), 'no backend'), 'a panel');
        $password = Capsule::$tables['tblservers'][0]['password'];
        Capsule::$tables['tblservers'][0]['password'] = '';
        holds(str_contains(page(), 'must be a token with the scopes read and admin'), page());
        Capsule::$tables['tblservers'][0]['password'] = $password;
    },
    'customers and staff see what the space is made of, and staff what the month costs' => static function (): void {
        $params = ['metered' => 12, 'serviceid' => 7731, 'username' => '7-41', 'serverid' => 20] + entry(['serverid' => 20]);
        $page = WHMCS\Module\Server\Whmeter\ServicePage::ofClient($params, null);
        holds(str_contains($page, 'What the space is made of') && str_contains($page, '<bdi>7-41'), $page);
        $tab = WHMCS\Module\Server\Whmeter\ServicePage::ofAdmin($params);
        holds(isset($tab['What the space is made of']) && preg_match('/^Disk space: \d+\.\d\d EUR/', strip_tags($tab['So far this month'])) === 1, json_encode($tab));
        holds(!str_contains($page, 'EUR'), 'the customer sees no amount that is not on a bill');
    },
]);
check_log();
