<?php
// The service list: since when each service is there, and the add-ons that no metric bills; old databases have less.

declare(strict_types=1);

require dirname(__DIR__) . '/stubs/whmcs.php';

use WHMCS\Database\Capsule;
use WHMCS\Module\Server\Whmeter\Day;
use WHMCS\Module\Server\Whmeter\Push;
use WHMCS\Module\Server\Whmeter\ServiceList;

/** The list of a server as it arrives at whmeter. */
function arrives(int $server): array
{
    $address = 'http://127.0.0.1:' . getenv('WHMETER_PORT') . '/recorded';
    file_get_contents($address);
    Push::all();
    foreach (json_decode(file_get_contents($address), true, 16, JSON_THROW_ON_ERROR) as $request) {
        if ($request['path'] === "/v1/whmcs/services?server=$server") {
            return json_decode($request['body'], true, 16, JSON_THROW_ON_ERROR) + ['text' => $request['body']];
        }
    }
    throw new LogicException("no list of server $server arrived");
}

/** Lets a piece of work see a database that lacks these columns, or tables. */
function in_an_old_database(array $without, callable $work): void
{
    [$columns, $tables] = [Capsule::$columns, Capsule::$tables];
    foreach ($without as $table => $missing) {
        Capsule::$columns[$table] = array_diff(Capsule::$columns[$table], (array) $missing);
        if ($missing === null) {
            unset(Capsule::$tables[$table], Capsule::$columns[$table]);
        }
    }
    $GLOBALS['module_log'] = [];
    $work();
    [Capsule::$columns, Capsule::$tables] = [$columns, $tables];
}

server_row(20);
server_row(12, ['type' => 'puqMinIOS3']);
product(17, 'S3 Storage 100', 'puqMinIOS3');
$days = ['2025-11-03', '0000-00-00', '', null, '2026-02-30', '2024-02-29', '2025-12-01 00:00:00', 'never'];
foreach ($days as $number => $day) {
    service(7731 + $number, 1042, 17, 12, "1042-$number");
    Capsule::$tables['tblhosting'][$number]['regdate'] = $day;
}
service(8000, 1043, 17, 13, 'elsewhere');
Capsule::$tables['tbladdons'] = [
    ['id' => 3, 'packages' => '17', 'name' => 'Backup "<b>Ünit</b>"', 'description' => '', 'billingcycle' => 'recurring', 'module' => 'puqMinIOS3'],
    ['id' => 4, 'packages' => '17', 'name' => 'Mirror', 'description' => '', 'billingcycle' => 'recurring', 'module' => 'puqMinIOS3'],
];
addon(91, 7731, 3, 12);
addon(90, 7731, 4, 12, ['status' => 'Terminated', 'regdate' => '0000-00-00']);
addon(92, 7732, 0, 12, ['name' => ' By hand ', 'userid' => 7]);
addon(93, 8000, 3, 12, ['userid' => 0]);
addon(94, 404, 99, 12, ['userid' => 0]);
addon(95, 7731, 3, 0);
addon(96, 7731, 3, 44);
addon(97, 7731, 3, 13);
addon_field(1, 3, 'Username', 91, 'b-7731');
addon_field(2, 3, 'Password', 91, 'customers-password');
addon_field(1, 3, 'Username', 93, ' ');
addon_field(3, 4, 'username|Login name', 90, 'mirror');
addon_field(1, 3, 'Username', 90, 'of what it was before');
addon_field(4, 17, 'Username', 92, 'a product\'s', 'product');
addon_field(6, 17, 'vserverid|Server', 7731, ' 171 ', 'product');
addon_field(7, 17, 'vserverid', 7732, '172', 'addon');

checks([
    'since when a service is there is told where it is known' => static function (): void {
        $told = array_map(static fn ($service) => $service['registered'] ?? null, arrives(12)['services']);
        same(['2025-11-03', null, null, null, null, '2024-02-29', '2025-12-01', null], $told, 'days');
        holds(!array_key_exists('registered', arrives(12)['services'][1]), 'absent, not null');
        foreach (['0', '2026-13-01', '0000-01-01', "2026-01-01\n2", '01/02/2026', '2026-1-1', 20260101, [], true, '2026-01-01 25'] as $odd) {
            same(null, Day::of($odd), json_encode($odd));
        }
    },
    'the number by which a panel\'s own module knows a service is its account' => static function (): void {
        $list = arrives(12);
        same([7731 => '171'], array_column($list['services'], 'account', 'id'), 'accounts');
        holds(!array_key_exists('account', $list['services'][1]), 'absent, not null');
    },
    'add-ons on the server are a list of their own' => static function (): void {
        $list = arrives(12);
        same([
            ['id' => 90, 'service' => 7731, 'client' => 1042, 'username' => 'mirror', 'name' => 'Mirror', 'status' => 'Terminated'],
            ['id' => 91, 'service' => 7731, 'client' => 1042, 'username' => 'b-7731', 'name' => 'Backup "<b>Ünit</b>"', 'status' => 'Active', 'registered' => '2026-02-01'],
            ['id' => 92, 'service' => 7732, 'client' => 7, 'name' => 'By hand', 'status' => 'Active', 'registered' => '2026-02-01'],
            ['id' => 93, 'service' => 8000, 'client' => 1043, 'name' => 'Backup "<b>Ünit</b>"', 'status' => 'Active', 'registered' => '2026-02-01'],
            ['id' => 94, 'service' => 404, 'client' => 0, 'name' => '', 'status' => 'Active', 'registered' => '2026-02-01'],
        ], $list['addons'], 'add-ons');
        same(8, count($list['services']), 'and no services');
        holds(!str_contains($list['text'], 'customers-password') && !str_contains($list['text'], 'business'), 'nothing else of them');
        same([97], array_column(arrives(13)['addons'], 'id'), 'of the other server');
        same([], $GLOBALS['module_log'], 'nothing failed');
    },
    'where there are none, that is what is told' => static function (): void {
        $list = arrives(20);
        holds(str_contains($list['text'], '"services":[],"addons":[]'), $list['text']);
    },
    'two fields that tell different usernames tell none' => static function (): void {
        addon_field(5, 3, 'USERNAME', 91, 'another');
        same(null, arrives(12)['addons'][1]['username'] ?? null, 'a guess');
        Capsule::$tables['tblcustomfieldsvalues'][8]['value'] = 'b-7731';
        same('b-7731', arrives(12)['addons'][1]['username'] ?? null, 'the same twice');
    },
    'a database without this or that tells what it has' => static function (): void {
        $whole = ServiceList::of(12);
        $olds = [
            'no add-ons at all' => [['tblhostingaddons' => null], ['addons' => null]],
            'add-ons without servers' => [['tblhostingaddons' => ['server', 'userid', 'addonid']], ['addons' => null]],
            'no definitions' => [['tbladdons' => null], ['name' => ['', '', 'By hand', '', '']]],
            'no custom fields' => [['tblcustomfields' => null], ['username' => []]],
            'no values of them' => [['tblcustomfieldsvalues' => null], ['username' => []]],
            'no clients of add-ons' => [['tblhostingaddons' => 'userid'], ['client' => [1042, 1042, 1042, 1043, 0]]],
            'no dates' => [['tblhostingaddons' => 'regdate', 'tblhosting' => 'regdate'], ['registered' => []]],
        ];
        foreach ($olds as $what => [$without, $expected]) {
            in_an_old_database($without, static function () use ($what, $expected, $whole): void {
                $list = ServiceList::of(12);
                same(array_column($whole['services'], 'id'), array_column($list['services'], 'id'), "services: $what");
                foreach ($expected as $key => $values) {
                    same($values, $key === 'addons' ? $list['addons'] ?? null : array_column($list['addons'], $key), $what);
                }
                if ($what === 'no dates') {
                    same([], array_column($list['services'], 'registered'), 'days of services');
                }
                same([], $GLOBALS['module_log'], "nothing to complain of: $what");
            });
        }
        same(json_encode($whole), json_encode(ServiceList::of(12)), 'and as before');
    },
    'add-ons that cannot be read stop no list, and are told of in the log' => static function (): void {
        $row = &Capsule::$tables['tblhostingaddons'][0]['status'];
        $row = new stdClass();
        $GLOBALS['module_log'] = [];
        same([8, false], [count(arrives(12)['services']), isset(arrives(12)['addons'])], 'the services alone');
        holds(str_contains($GLOBALS['module_log'][0][1], 'add-ons of server 12'), 'says what failed');
        $row = 'Active';
    },
    'where columns cannot be asked for, services are told by what is always there' => static function (): void {
        [Capsule::$listsColumns, $GLOBALS['module_log']] = [false, []];
        $list = ServiceList::of(12);
        Capsule::$listsColumns = true;
        same([8, [], false], [count($list['services']), array_column($list['services'], 'registered'), isset($list['addons'])], 'services alone');
        same(['columns of tblcustomfields', 'columns of tblhosting', 'columns of tblhostingaddons'], array_column($GLOBALS['module_log'], 1), 'says what failed');
    },
    'a server that whmeter does not know, with add-ons alone, is worth a line' => static function (): void {
        Capsule::$tables['tblservers'][0]['accesshash'] = 'answer-404-0123456789';
        [$services, Capsule::$tables['tblhosting'], $GLOBALS['module_log']] = [Capsule::$tables['tblhosting'], [], []];
        Push::all();
        same(['push of services, server 12', 'push of services, server 13'], array_column($GLOBALS['module_log'], 1), 'not that of the entry');
        [Capsule::$tables['tblhosting'], Capsule::$tables['tblservers'][0]['accesshash']] = [$services, getenv('WHMETER_TOKEN')];
    },
]);
