<?php
// A running whmeter: every number arrives as it is, by every name; buttons, overage figures and the connection test.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;
use WHMCS\Module\Server\Whmeter\Client;

/** The values of one tenant by metric. */
function told(array $metrics): array
{
    $values = [];
    foreach ($metrics as $metric) {
        $values[$metric->systemName()] = $metric->usage()->value();
    }
    return $values;
}

/** @var array<string, float> $disks what the panel really holds, in GB by account */
$disks = json_decode((string) getenv('EXPECTED_DISKS'), true, 8, JSON_THROW_ON_ERROR);
$number = 100;
foreach (array_keys($disks) as $name) {
    service(++$number, 1042, 1, 12, (string) $name);
}
server_row(12);
addon(91, 101, 3, 12, ['name' => 'Mirror']);
Capsule::$tables['tblbillableitems'][] = ['id' => 5, 'userid' => 1, 'description' => 'Traffic [whm 101/2026-03/traffic_out]', 'amount' => '1.50'];
product(1, 'Metered', 'whmeter', ['configoption1' => '200 GiB']);
$params = static fn (string $name) => entry() + [
    'serviceid' => 7731, 'username' => $name, 'password' => 'customers-password', 'pid' => 1, 'userid' => 1042,
];

checks([
    'services are taken, and the limit as sold comes back' => static function () use ($params): void {
        run_hook('AfterCronJob');
        same([], $GLOBALS['module_log'], 'nothing was refused');
        $limit = static fn () => strip_tags(whmeter_AdminServicesTabFields($params('7-41'))['Limit'] ?? '');
        for ($tries = 0; $limit() !== '200.00 GiB' && $tries < 100; $tries++) {
            usleep(200000);
        }
        same('200.00 GiB', $limit(), 'after the next poll');
    },
    'usage of all is what the panel holds' => static function () use ($disks): void {
        $usage = whmeter_MetricProvider(entry())->usage();
        foreach ($disks as $name => $disk) {
            $told = told($usage[$name]);
            same((float) $disk, $told['disk'], "disk of $name");
        }
        same([], array_diff_key($disks, $usage), 'everybody is told of');
        check_log();
    },
    'usage of one is the same, by every name' => static function () use ($disks): void {
        $provider = whmeter_MetricProvider(entry());
        $usage = $provider->usage();
        foreach (array_keys($disks) as $name) {
            same(told($usage[$name]), told($provider->tenantUsage($name)), "as number or text: $name");
            same(told($usage[$name]), told($provider->tenantUsage((string) $name)), "as text: $name");
        }
    },
    'zero is told, and what is not known is not' => static function (): void {
        $told = told(whmeter_MetricProvider(entry())->tenantUsage('007'));
        same(0.0, $told['disk'], 'nothing is stored');
        holds(!array_key_exists('traffic_out', $told), 'what it moved is not known');
    },
    'strangers have no usage, and nobody else\'s' => static function (): void {
        $provider = whmeter_MetricProvider(entry());
        foreach (['ghost', '', null, '..', '.', '%2e%2e', 'ping', "1042\0", '1042?server=13', '1042/..', [], false] as $name) {
            same([], $provider->tenantUsage($name), 'usage of ' . json_encode($name));
        }
    },
    'a wrong token or server gives nothing' => static function (): void {
        same([], whmeter_MetricProvider(entry(['serveraccesshash' => 'not-the-token-0123456789']))->usage(), 'token');
        same([], whmeter_MetricProvider(entry(['serverid' => 99]))->usage(), 'server');
        check_log(2);
    },
    'the connection test tells right from wrong' => static function (): void {
        same(['success' => true, 'error' => ''], whmeter_TestConnection(entry()), 'right');
        same(['success' => true, 'error' => ''], whmeter_TestConnection(entry(['serverid' => ''])), 'not saved yet');
        foreach ([['serveraccesshash' => 'not-the-token-0123456789'], ['serverid' => 99], ['serverport' => '1']] as $wrong) {
            same(false, whmeter_TestConnection(entry($wrong))['success'], json_encode($wrong));
        }
        date_default_timezone_set('America/New_York');
        $said = whmeter_TestConnection(entry())['error'];
        date_default_timezone_set('Europe/Warsaw');
        holds(str_contains($said, 'America/New_York') && str_contains($said, 'Europe/Warsaw'), "zones: $said");
    },
    'overage figures are written where they are known' => static function () use ($disks): void {
        service(999, 1042, 1, 12, 'ghost');
        service(998, 1042, 1, 13, '1042');
        service(997, 1042, 1, 12, '1042', 'Terminated');
        whmeter_UsageUpdate(entry());
        foreach (Capsule::$tables['tblhosting'] as $row) {
            $known = $row['id'] < 900;
            $disk = $known ? (int) round($disks[$row['username']] * 1024) : 7;
            same($disk, $row['diskusage'], "disk of {$row['username']}");
            same($known ? date('Y-m-d') : '0000-00-00', substr($row['lastupdate'], 0, 10), 'last update');
        }
    },
    'the button recalculates once, and then asks for patience' => static function () use ($params): void {
        same('success', whmeter_recalc($params('7-41')), 'first');
        holds(str_contains(whmeter_recalc($params('7-41')), '10 minutes'), 'second');
        $_SESSION['Language'] = 'german';
        holds(str_contains(whmeter_recalc($params('7-41')), '10 Minuten'), 'in German');
        unset($_SESSION['Language']);
        holds(str_contains(whmeter_recalc($params('ghost')), 'not measured'), 'stranger');
    },
    'nothing of the browser\'s request is looked at' => static function () use ($params): void {
        $_GET = $_POST = $_REQUEST = ['username' => '1042', 'serviceid' => '1', 'server' => '13', 'tenant' => '1042'];
        $page = whmeter_ClientArea($params('007'))['templateVariables']['whmeterPage'];
        holds(str_contains($page, '0.00 GiB') && str_contains($page, 'value="7731"'), $page);
        $_GET = $_POST = $_REQUEST = [];
    },
    'the page and the tab show used, limit, share and policy' => static function () use ($params): void {
        $page = whmeter_ClientArea($params('7-41'))['templateVariables']['whmeterPage'];
        foreach (['100.00 GiB', '200.00 GiB', '50.0 %', '<svg', 'name="a" value="recalc"'] as $part) {
            holds(str_contains($page, $part), "$part in $page");
        }
        $fields = whmeter_AdminServicesTabFields($params('7-41'));
        foreach (['Used space', 'Limit', 'Used of limit', 'Last reading', 'Policy'] as $label) {
            holds(isset($fields[$label]), "$label of " . implode(', ', array_keys($fields)));
        }
        same('Standard', $fields['Policy'], 'policy');
        holds(str_contains($fields['Used of limit'], 'whmeter-bar'), 'a bar');
    },
    'a policy needs the admin token' => static function () use ($params): void {
        $billing = ['serverpassword' => ''] + $params('7-41');
        holds(str_contains(whmeter_setlimited($billing), 'does not permit'), 'without');
        same('success', whmeter_setlimited($params('7-41')), 'with');
        holds(str_contains(whmeter_setlimited($params('ghost')), 'not measured'), 'of nobody');
        $fields = whmeter_AdminServicesTabFields($params('7-41'));
        holds(str_contains($fields['Policy'], 'set by hand'), $fields['Policy']);
        same('success', whmeter_updatepolicy($params('7-41')), 'usage decides again');
        $fields = whmeter_AdminServicesTabFields($params('7-41'));
        holds(!str_contains($fields['Policy'], 'set by hand'), $fields['Policy']);
        same('success', whmeter_setstandard($params('7-41')), 'standard');
        check_log(2);
    },
    'the total is both directions, and limits and pages have it too' => static function () use ($params): void {
        $told = told(whmeter_MetricProvider(entry())->tenantUsage('7-41'));
        // Each is rounded by itself.
        $sum = $told['traffic_in'] + $told['traffic_out'];
        holds(abs($sum - $told['traffic_total']) < 0.000015, "metric: $sum and {$told['traffic_total']}");
        $page = whmeter_ClientArea($params('7-41'))['templateVariables']['whmeterPage'];
        holds(str_contains($page, 'Total traffic (this month)'), $page);
        $figures = (new Client(entry()))->get('/v1/whmcs/legacy', ['server' => 12])['tenants'];
        holds(abs($told['traffic_total'] * 1024 - $figures['7-41']['bw_mb']) < 0.52, "overage: {$figures['7-41']['bw_mb']}");
        holds(!array_key_exists('traffic_total', told(whmeter_MetricProvider(entry())->tenantUsage('007'))), 'of unknown directions none');
    },
    'staff see what WHMCS was given last, and the tile and Server Sync see all' => static function () use ($params, $disks): void {
        whmeter_MetricProvider(entry())->usage();
        $fields = array_map('strip_tags', whmeter_AdminServicesTabFields($params('7-41')));
        holds(str_contains($fields['Reported to WHMCS last'], 'Disk space: 100 GB · ' . date('Y-m-d')), $fields['Reported to WHMCS last']);
        [$widget] = run_hook('AdminHomeWidgets');
        $html = $widget->generateOutput($widget->getData());
        holds(str_contains($html, count($disks) . ' services with usage, read last at ' . date('Y-m-d')), $html);
        $answer = whmeter_ListAccounts(entry());
        same(true, $answer['success'], json_encode($answer));
        $names = array_column($answer['accounts'], 'uniqueIdentifier');
        $sold = array_map('strval', array_keys($disks));
        $unsold = array_values(array_diff($names, $sold));
        sort($unsold);
        same([[], ['1042-7731', '8-77']], [array_diff($sold, $names), $unsold], 'every account of the panel, those that nobody pays for too');
        foreach ($answer['accounts'] as $account) {
            same(['name', 'email', 'username', 'domain', 'uniqueIdentifier', 'product', 'primaryip', 'created', 'status'], array_keys($account), 'shape');
            same(date('Y-m-d'), substr($account['created'], 0, 10), 'since when it is there');
        }
        $none = whmeter_ListAccounts(entry(['serverid' => 99]));
        holds($none['success'] === false && str_contains($none['error'], 'whmcs_server = 99'), json_encode($none));
    },
    'whmeter itself tells no figure of a name that two living services have' => static function (): void {
        service(990, 666, 1, 12, '7-42');
        WHMCS\Module\Server\Whmeter\Push::all();
        $client = new Client(entry());
        $withheld = static fn () => array_column($client->get('/v1/whmcs/usage', ['server' => 12])['withheld'], 'reason', 'tenant');
        for ($tries = 0; ($withheld()['7-42'] ?? '') !== 'ambiguous' && $tries < 50; $tries++) {
            usleep(200000);
        }
        // What the next polls find changes nothing.
        usleep(5000000);
        same('ambiguous', $withheld()['7-42'] ?? '', 'in all');
        $one = $client->get('/v1/whmcs/usage/7-42', ['server' => 12]);
        same([[], 'ambiguous', []], [$one['values'], $one['withheld']['reason'], $one['limits']], 'alone');
        holds(!isset($client->get('/v1/whmcs/legacy', ['server' => 12])['tenants']['7-42']), 'overage');
        $history = $client->get('/v1/whmcs/history/7-42', ['server' => 12, 'days' => 30]);
        same([[], []], [$history['days'], $history['months']], 'pages');
        array_pop(Capsule::$tables['tblhosting']);
        WHMCS\Module\Server\Whmeter\Push::all();
        for ($tries = 0; isset($withheld()['7-42']) && $tries < 50; $tries++) {
            usleep(200000);
        }
        same(1.5, told(whmeter_MetricProvider(entry())->tenantUsage('7-42'))['disk'], 'and its own again');
    },
]);
