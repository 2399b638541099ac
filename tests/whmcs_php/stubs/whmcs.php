<?php
// A WHMCS to test the module in: its classes, its functions, and every warning as an exception.

declare(strict_types=1);

use WHMCS\Database\Capsule;

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    throw new ErrorException($message, 0, $level, $file, $line);
});
date_default_timezone_set('Europe/Warsaw');

define('WHMCS', true);
require __DIR__ . '/metrics.php';
require __DIR__ . '/capsule.php';

/** WHMCS's store for what is of use for a while, in memory. */
require __DIR__ . '/transient.php';
require __DIR__ . '/widget.php';

$GLOBALS['activity'] = [];
$GLOBALS['CONFIG'] = ['Language' => 'english'];
$GLOBALS['module_log'] = $GLOBALS['hooks'] = $GLOBALS['api_calls'] = [];
$GLOBALS['api_answers'] = [];

function logModuleCall(...$arguments): void
{
    $GLOBALS['module_log'][] = $arguments;
}

function logActivity(string $text, int $client = 0): void
{
    $GLOBALS['activity'][] = $text;
}

/** WHMCS's token of the session, bare. */
function generate_token(string $as = 'form'): string
{
    same('plain', $as, 'the bare token');
    return 'session"token';
}

/** WHMCS's check of a form: it ends the request where the token is not the session's. */
function check_token(string $as = 'WHMCS.default'): void
{
    same('WHMCS.admin.default', $as, 'of the admin area');
    if (($GLOBALS['sent_token'] ?? '') !== 'session"token') {
        throw new DomainException('Invalid Token');
    }
}

function add_hook(string $point, int $priority, callable $work): void
{
    $GLOBALS['hooks'][$point][] = $work;
}

function localAPI(string $action, array $fields): array
{
    $GLOBALS['api_calls'][] = [$action, $fields];
    // What is stored of passwords is encrypted, and WHMCS alone can read it.
    if ($action === 'DecryptPassword' && str_starts_with($fields['password2'], 'encrypted ')) {
        return ['result' => 'success', 'password' => substr($fields['password2'], 10)];
    }
    $answer = $GLOBALS['api_answers'][$action] ?? ['result' => 'success'];
    return is_callable($answer) ? $answer($fields) : $answer;
}

/** Calls a hook as WHMCS does. */
function run_hook(string $point, array $vars = []): array
{
    return array_map(static fn ($work) => $work($vars), $GLOBALS['hooks'][$point]);
}

/** A row of tblhosting. */
function service(int $id, int $client, int $product, int $server, string $username, string $status = 'Active'): void
{
    Capsule::$tables['tblhosting'][] = [
        'id' => $id, 'userid' => $client, 'packageid' => $product, 'server' => $server, 'username' => $username,
        'domain' => '', 'domainstatus' => $status, 'paymentmethod' => 'mailin', 'billingcycle' => 'Semi-Annually',
        'regdate' => '2025-11-03', 'nextduedate' => '2026-12-03', 'diskusage' => 7, 'disklimit' => 7, 'bwusage' => 7, 'bwlimit' => 7,
        'lastupdate' => '0000-00-00 00:00:00', 'qty' => 1,
    ];
}

/** A row of tblhostingaddons. */
function addon(int $id, int $service, int $definition, int $server, array $more = []): void
{
    Capsule::$tables['tblhostingaddons'][] = $more + [
        'id' => $id, 'orderid' => 1, 'hostingid' => $service, 'addonid' => $definition, 'userid' => 1042, 'server' => $server,
        'name' => '', 'billingcycle' => 'Monthly', 'status' => 'Active', 'regdate' => '2026-02-01', 'notes' => 'of nobody\'s business',
    ];
}

/** A custom field of an add-on, and its value on one that was sold. */
function addon_field(int $field, int $definition, string $name, int $addon, string $value, string $type = 'addon'): void
{
    $row = ['id' => $field, 'type' => $type, 'relid' => $definition, 'fieldname' => $name, 'fieldtype' => 'text'];
    if (!in_array($row, Capsule::$tables['tblcustomfields'], true)) {
        Capsule::$tables['tblcustomfields'][] = $row;
    }
    Capsule::$tables['tblcustomfieldsvalues'][] = ['id' => 1, 'fieldid' => $field, 'relid' => $addon, 'value' => $value];
}

/** A row of tblproducts. */
function product(int $id, string $name, string $module, array $options = []): void
{
    $empty = [];
    foreach (range(1, 24) as $number) {
        $empty["configoption$number"] = '';
    }
    Capsule::$tables['tblproducts'][] = $options + ['id' => $id, 'name' => $name, 'servertype' => $module] + $empty;
}

Capsule::$tables = array_fill_keys([
    'tblhosting', 'tblproducts', 'tblconfiguration', 'tblservers', 'tblbillableitems', 'tblhostingaddons', 'tbladdons',
    'tbladmins', 'tblemailtemplates', 'tblcustomfields', 'tblcustomfieldsvalues', 'tblproductconfigoptions', 'tblproductconfigoptionssub', 'tblhostingconfigoptions',
], []);
Capsule::$columns = [
    'tblhosting' => [
        'id', 'userid', 'orderid', 'packageid', 'server', 'regdate', 'domain', 'paymentmethod', 'billingcycle', 'nextduedate',
        'domainstatus', 'username', 'password', 'diskusage', 'disklimit', 'bwusage', 'bwlimit', 'lastupdate', 'qty',
    ],
    'tblhostingaddons' => [
        'id', 'orderid', 'hostingid', 'addonid', 'userid', 'server', 'name', 'billingcycle', 'status', 'regdate', 'notes',
    ],
    'tbladdons' => ['id', 'packages', 'name', 'description', 'billingcycle', 'module'],
    'tblcustomfields' => ['id', 'type', 'relid', 'fieldname', 'fieldtype'],
    'tblcustomfieldsvalues' => ['id', 'fieldid', 'relid', 'value'],
];

/** Where whmeter, or somebody in its place, listens, and what lets in. */
function entry(array $more = []): array
{
    return $more + [
        'server' => true, 'serverid' => 12, 'serverip' => '', 'serverhostname' => '127.0.0.1', 'serverusername' => '',
        'serverpassword' => (string) getenv('WHMETER_ADMIN_TOKEN'), 'serveraccesshash' => (string) getenv('WHMETER_TOKEN'),
        'serversecure' => false, 'serverport' => (string) getenv('WHMETER_PORT'), 'whmcsVersion' => '9.0.2-release.1',
    ];
}

/** The same as a row of tblservers. */
function server_row(int $id, array $more = []): void
{
    Capsule::$tables['tblservers'][] = $more + [
        'id' => $id, 'type' => 'whmeter', 'disabled' => 0, 'hostname' => '127.0.0.1', 'ipaddress' => '', 'secure' => '',
        'port' => (string) getenv('WHMETER_PORT'), 'accesshash' => (string) getenv('WHMETER_TOKEN'),
        'password' => (string) getenv('WHMETER_ADMIN_TOKEN') === '' ? '' : 'encrypted ' . getenv('WHMETER_ADMIN_TOKEN'),
    ];
}

/** WHMCS's API as far as companions need it: orders, changes of services and their modules. */
function api_of_services(int $next): void
{
    $change = static function (int $id, array $fields): array {
        foreach (Capsule::$tables['tblhosting'] as &$row) {
            $row = $row['id'] === $id ? array_filter($fields, static fn ($value) => $value !== null) + $row : $row;
        }
        return ['result' => 'success'];
    };
    $orders = [];
    $GLOBALS['api_answers']['AddOrder'] = static function (array $fields) use (&$next, &$orders): array {
        service($next, $fields['clientid'], $fields['pid'][0], 0, '', 'Pending');
        $order = 55 + count($orders);
        $orders[$order] = ['id' => $order, 'status' => 'Pending'];
        return ['result' => 'success', 'orderid' => $order, 'serviceids' => (string) $next++];
    };
    $GLOBALS['api_answers']['AcceptOrder'] = static function (array $fields) use (&$orders): array {
        if (($orders[$fields['orderid']]['status'] ?? '') !== 'Pending') {
            return ['result' => 'error', 'message' => 'Order ID not found or Status not Pending'];
        }
        $orders[$fields['orderid']]['status'] = 'Active';
        return ['result' => 'success'];
    };
    $GLOBALS['api_answers']['GetOrders'] = static function (array $fields) use (&$orders): array {
        return ['result' => 'success', 'orders' => ['order' => array_filter([$orders[$fields['id']] ?? null])]];
    };
    $GLOBALS['api_answers']['UpdateClientProduct'] = static fn (array $fields) => $change($fields['serviceid'], [
        'username' => $fields['serviceusername'] ?? null, 'server' => $fields['serverid'] ?? null,
        'domainstatus' => $fields['status'] ?? null, 'packageid' => $fields['pid'] ?? null,
    ]);
    foreach (['ModuleSuspend' => 'Suspended', 'ModuleUnsuspend' => 'Active', 'ModuleTerminate' => 'Terminated'] as $action => $status) {
        $GLOBALS['api_answers'][$action] = static fn (array $fields) => $change($fields['serviceid'], ['domainstatus' => $status]);
    }
}

/** What WHMCS was asked to do since the last look. */
function asked_of_whmcs(): array
{
    $calls = array_values(array_filter($GLOBALS['api_calls'], static fn ($call) => $call[0] !== 'DecryptPassword'));
    $GLOBALS['api_calls'] = [];
    return $calls;
}

function same($expected, $found, string $what): void
{
    if ($expected !== $found) {
        throw new LogicException("$what: expected " . var_export($expected, true) . ', found ' . var_export($found, true));
    }
}

function holds(bool $condition, string $what): void
{
    same(true, $condition, $what);
}

/** What was logged must be told, and show no secret anywhere but in the list of what is to be masked. */
function check_log(int $least = 0): void
{
    holds(count($GLOBALS['module_log']) >= $least, "at least $least lines in the module log");
    foreach ($GLOBALS['module_log'] as $line) {
        $shown = json_encode(array_slice($line, 0, 5), JSON_THROW_ON_ERROR | JSON_PARTIAL_OUTPUT_ON_ERROR);
        foreach (array_filter([getenv('WHMETER_TOKEN'), getenv('WHMETER_ADMIN_TOKEN'), 'customers-password']) as $secret) {
            holds(!str_contains($shown, $secret), "no secret in $shown");
        }
    }
}

/** Lets the checks of a file run; they must print nothing themselves. */
function checks(array $checks): void
{
    ob_start();
    foreach ($checks as $name => $check) {
        try {
            $check();
        } catch (Throwable $error) {
            ob_end_clean();
            fwrite(STDERR, "$name: {$error->getMessage()}\n{$error->getTraceAsString()}\n");
            exit(1);
        }
    }
    $printed = ob_get_clean();
    if ($printed !== '') {
        fwrite(STDERR, "something was printed: $printed\n");
        exit(1);
    }
    echo count($checks), " checks\n";
}

$GLOBALS['installation'] = (string) getenv('WHMCS_ROOT');
require $GLOBALS['installation'] . '/modules/servers/whmeter/whmeter.php';
require $GLOBALS['installation'] . '/includes/hooks/whmeter.php';
