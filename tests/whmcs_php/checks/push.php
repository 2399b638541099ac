<?php
// The service list: whole, with limits read from the products, sent once, and again when it was not taken.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;
use WHMCS\Module\Server\Whmeter\Push;
use WHMCS\Module\Server\Whmeter\Size;

const GIB = 1 << 30;

/** The lists that have arrived since the last look, by server. */
function arrived(): array
{
    $told = file_get_contents('http://127.0.0.1:' . getenv('WHMETER_PORT') . '/recorded');
    $lists = [];
    foreach (json_decode($told, true, 16, JSON_THROW_ON_ERROR) as $request) {
        same('PUT', $request['method'], 'method');
        same('Bearer ' . getenv('WHMETER_TOKEN'), $request['authorization'], 'token');
        same(1, preg_match('~^/v1/whmcs/(services|billable)\?server=(\d+)$~D', $request['path'], $part), $request['path']);
        $list = $part[1] === 'services' ? (int) $part[2] : "billable by $part[2]";
        holds(!isset($lists[$list]), "$list is told once");
        $lists[$list] = $request['body'];
    }
    ksort($lists, SORT_STRING);
    return $lists;
}

/** A row of tblbillableitems. */
function billable(int $id, string $description, string $amount): void
{
    Capsule::$tables['tblbillableitems'][] = ['id' => $id, 'userid' => 1, 'description' => $description, 'amount' => $amount];
}

server_row(20, ['accesshash' => 'encrypted']);
server_row(21, ['disabled' => 1]);
server_row(12, ['type' => 'puqMinIOS3']);
$GLOBALS['api_answers']['DecryptPassword'] = static fn (array $fields) => $fields['password2'] === 'encrypted'
    ? ['result' => 'success', 'password' => getenv('WHMETER_TOKEN')]
    : ['result' => 'error'];
product(1, 'S3 Storage 100', 'puqMinIOS3', [
    'configoption2' => 'GB', 'configoption3' => '100', 'configoption4' => 'Near it', 'configoption8' => 'Over it',
]);
product(2, 'S3 endless', 'puqMinIOS3', ['configoption2' => 'GB', 'configoption3' => '0']);
product(3, 'Odd', 'puqMinIOS3', ['configoption2' => 'on', 'configoption3' => 'read-write']);
product(4, 'Own <b>"Ünit"</b>', 'whmeter', ['configoption1' => '1.5 TiB', 'configoption2' => '0', 'configoption5' => 'T']);
product(5, 'VPN', 'puqVPNcp', ['configoption24' => '{"traffic":"2","traffic_unit":"TB","key":"secret-licence"}']);
service(7731, 1042, 1, 12, '1042-7731');
service(7732, 1042, 2, 12, 'Müller', 'Suspended');
service(7733, 1043, 3, 12, '007', 'Terminated');
service(7734, 1043, 5, 13, 'vpn');
service(8000, 1042, 4, 20, 'own');
service(8001, 1042, 4, 20, 'whm-7731');
service(9000, 1044, 1, 44, 'elsewhere');

$one = static fn (int $id, int $client, string $username, string $product, string $package, string $status, array $limits, array $templates = []) => [
    'id' => $id, 'client' => $client, 'username' => $username, 'domain' => '', 'product' => $product,
    'package' => $package, 'status' => $status, 'registered' => '2025-11-03', 'limits' => $limits, 'templates' => $templates,
];

checks([
    'the lists are whole, and of metered servers alone' => static function () use ($one): void {
        Push::all();
        $lists = arrived();
        same([12, 13, 20], array_keys($lists), 'servers');
        same(['schema' => 1, 'services' => [
            $one(7731, 1042, '1042-7731', 'S3 Storage 100', 'puqMinIOS3', 'Active', ['storage' => 100 * GIB], ['notify' => 'Near it', 'limited' => 'Over it']),
            $one(7732, 1042, 'Müller', 'S3 endless', 'puqMinIOS3', 'Suspended', ['storage' => 0]),
            $one(7733, 1043, '007', 'Odd', 'puqMinIOS3', 'Terminated', []),
        ], 'addons' => [], 'remarks' => [
            ['about' => 'companions', 'service' => 7731, 'said' => 'companion 8001 stands beside service 7731, whose product has none in settings.php: end it, or write it down'],
        ]], json_decode($lists[12], true), 'server 12');
        holds(str_contains($lists[12], '"limits":{},"templates":{}'), 'nothing is an object, not a list');
        same(['traffic_out' => 2 << 40], json_decode($lists[13], true)['services'][0]['limits'], 'from JSON');
        holds(!str_contains($lists[13], 'secret-licence'), 'settings themselves are nobody\'s business');
        $own = json_decode($lists[20], true)['services'];
        same(['own', 'whm-7731'], array_column($own, 'username'), 'companions by their own names');
        same(['storage' => 3 << 39, 'traffic_out' => 0], $own[0]['limits'], 'own settings');
        same(['notify' => 'T'], $own[0]['templates'], 'own template');
    },
    'items that whmeter made are told back to it, the newest if there are too many' => static function (): void {
        billable(5, 'Traffic [whm 7731/2026-03/traffic_out]', '1.50');
        billable(6, 'Working hours, [whmcs] upgrade', '80.00');
        billable(7, 'Überzug "<b>" [whm 7732/2026-03/storage]', '-0.25');
        $before = time();
        run_hook('AfterCronJob');
        $lists = arrived();
        same(['billable by 20'], array_keys($lists), 'once, by the entry that is on');
        $told = json_decode($lists['billable by 20'], true, 8, JSON_THROW_ON_ERROR);
        holds($told['read_at'] >= $before && $told['read_at'] <= time(), 'when they were read');
        unset($told['read_at']);
        same(['schema' => 1, 'items' => [
            ['id' => 7, 'description' => 'Überzug "<b>" [whm 7732/2026-03/storage]', 'amount' => '-0.25'],
            ['id' => 5, 'description' => 'Traffic [whm 7731/2026-03/traffic_out]', 'amount' => '1.50'],
        ]], $told, 'items');
        for ($id = 10; $id < 20012; $id++) {
            billable($id, '[whm 1/2026-03/storage]', '1.00');
        }
        $items = WHMCS\Module\Server\Whmeter\BillableItems::list()['items'];
        same([20000, 20011], [count($items), $items[0]['id']], 'as many as are wanted, the newest first');
        array_splice(Capsule::$tables['tblbillableitems'], 3);
    },
    'after an hour, and not before' => static function (): void {
        run_hook('AfterCronJob');
        same([], array_keys(arrived()), 'all were taken just now');
        $row = &Capsule::$tables['tblconfiguration'][0];
        $row['value'] = json_encode([13 => time() - 3601] + json_decode($row['value'], true));
        run_hook('AfterCronJob');
        same([13], array_keys(arrived()), 'the one that is late');
        run_hook('AfterCronJob');
        same([], array_keys(arrived()), 'none again');
    },
    'what was not taken is tried at the next turn, and the secret is not logged' => static function (): void {
        Capsule::$tables['tblconfiguration'] = [];
        $token = getenv('WHMETER_TOKEN');
        putenv('WHMETER_TOKEN=answer-500-0123456789');
        run_hook('AfterCronJob');
        check_log(4);
        putenv("WHMETER_TOKEN=$token");
        same([], array_keys(arrived()), 'none arrived');
        run_hook('AfterCronJob');
        same([12, 13, 20, 'billable by 20'], array_keys(arrived()), 'all arrived');
    },
    'a whmeter that knows no billable items, or no server without services, is not complained of' => static function (): void {
        [$configuration, $services] = [Capsule::$tables['tblconfiguration'], Capsule::$tables['tblhosting']];
        [Capsule::$tables['tblconfiguration'], $GLOBALS['module_log']] = [[], []];
        $token = getenv('WHMETER_TOKEN');
        putenv('WHMETER_TOKEN=answer-404-0123456789');
        Capsule::$tables['tblhosting'] = [];
        run_hook('AfterCronJob');
        same([], $GLOBALS['module_log'], 'nothing worth a line');
        Capsule::$tables['tblhosting'] = $services;
        run_hook('AfterCronJob');
        same(3, count($GLOBALS['module_log']), 'a server with services that whmeter does not know is');
        putenv("WHMETER_TOKEN=$token");
        Capsule::$tables['tblconfiguration'] = $configuration;
    },
    'a whmeter that is away costs one wait, not one per server' => static function (): void {
        Capsule::$tables['tblservers'][0]['port'] = '1';
        $GLOBALS['module_log'] = [];
        Push::all();
        same(1, count($GLOBALS['module_log']), 'one failure');
        Capsule::$tables['tblservers'][0]['port'] = getenv('WHMETER_PORT');
    },
    'a token that was stored plain, or is written down, is taken too' => static function (): void {
        Capsule::$tables['tblservers'][0]['accesshash'] = getenv('WHMETER_TOKEN');
        Push::all();
        same([12, 13, 20], array_keys(arrived()), 'plain');
    },
    'too long a list is not sent by halves' => static function (): void {
        $services = Capsule::$tables['tblhosting'];
        for ($id = 1; $id < 60; $id++) {
            service(20000 + $id, 1, 1, 13, str_repeat('x', 150000));
        }
        $GLOBALS['module_log'] = [];
        Push::all();
        same([12, 20], array_keys(arrived()), 'the others');
        holds(str_contains($GLOBALS['module_log'][0][3], '8 MiB'), 'says why');
        Capsule::$tables['tblhosting'] = $services;
    },
    'sizes as operators write them' => static function (): void {
        $sizes = ['100' => 100000000000, '100 gb' => 100000000000, '100 G' => 100000000000, '1,5 TB' => 1500000000000, 'Unlimited' => 0, '2 tib' => 2 << 40, '0.125 TB' => 125000000000, '0' => 0, '100 GiB' => 100 * GIB, '1.5 TB' => 1500000000000, '20MB' => 20000000, '1 kB' => 1000, '7 B' => 7, ' 1 PiB ' => 1 << 50, '0.5 GiB' => GIB / 2];
        foreach ($sizes as $text => $bytes) {
            same($bytes, Size::parse((string) $text), (string) $text);
        }
        foreach (['', 'GB', '-1 GB', '1e3 GB', '9000000 PiB', "1 GB\n2", 'plenty', '1.2345 GB', '1,000 GB', '1.000 GB', '5 iB', '100 GB or so'] as $odd) {
            same(null, Size::parse($odd), "no size: $odd");
        }
        same([GIB, 0, null, null, null], [Size::of('1', 'gb'), Size::of('0', 'GB'), Size::of('1', ''), Size::of('x', 'GB'), Size::of('-1', 'GB')], 'number and unit');
    },
]);

// What a change has put off comes at the end of the request, once.
register_shutdown_function(static function (): void {
    register_shutdown_function(static function (): void {
        same([12, 13, 20], array_keys(arrived()), 'at the end, once');
        echo "and at the end\n";
    });
});
foreach (['ServiceEdit', 'ServiceDelete', 'ProductEdit', 'ServerEdit', 'AfterModuleChangePackage'] as $change) {
    run_hook($change, ['serviceid' => 7731]);
}
same('success', whmeter_CreateAccount(entry() + ['username' => 'own']), 'registered');
same([], arrived(), 'not at once');
