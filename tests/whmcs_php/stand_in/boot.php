<?php
// A WHMCS to live a month in: its tables on a real MariaDB, behind the Capsule that WHMCS has, which is Laravel's (Debian's
// package). What of WHMCS is published is as published; what is not is said where it stands (docs/decisions/0033).
//
// WHMCS_ROOT: the folder that the module was copied into. WHMCS_DATABASE: mysql://user@host:port/name.

declare(strict_types=1);

use Illuminate\Database\Capsule\Manager;
use WHMCS\Database\Capsule;

const LIBRARIES = '/usr/share/php';

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    // Debian's Laravel is older than its PHP: what is deprecated in it is not ours.
    if (str_starts_with($file, LIBRARIES)) {
        return true;
    }
    throw new ErrorException($message, 0, $level, $file, $line);
});
date_default_timezone_set('Europe/Warsaw');

define('WHMCS', true);
require LIBRARIES . '/Illuminate/Database/autoload.php';
class_alias(Manager::class, 'WHMCS\Database\Capsule');
require dirname(__DIR__) . '/stubs/metrics.php';
foreach (['TransientData', 'Hooks', 'Modules', 'Services', 'Orders', 'Usage', 'Invoices', 'Mails', 'Api'] as $part) {
    require __DIR__ . "/$part.php";
}

(static function (): void {
    $at = parse_url((string) getenv('WHMCS_DATABASE'));
    $capsule = new Capsule();
    $capsule->addConnection([
        'driver' => 'mysql',
        'host' => $at['host'],
        'port' => $at['port'],
        'database' => trim($at['path'], '/'),
        'username' => $at['user'],
        'password' => '',
        'charset' => 'utf8mb4',
        'collation' => 'utf8mb4_unicode_ci',
        'prefix' => '',
        'strict' => false, // WHMCS asks for MySQL without strict mode: it keeps 0000-00-00 for no day.
    ]);
    $capsule->setAsGlobal();
})();

$GLOBALS['CONFIG'] = ['Language' => 'english'];

function logModuleCall($module, $action, $request, $response, $processed = '', $secrets = []): void
{
    $text = static fn ($what) => str_replace((array) $secrets, '***', is_string($what) ? $what : (string) json_encode($what));
    Capsule::table('tblmodulelog')->insert([
        'date' => date('Y-m-d H:i:s'), 'module' => $module, 'action' => $action, 'request' => $text($request), 'response' => $text($response),
    ]);
}

function logActivity(string $text, int $client = 0): void
{
    Capsule::table('tblactivitylog')->insert(['date' => date('Y-m-d H:i:s'), 'description' => $text, 'userid' => $client]);
}

function add_hook(string $point, int $priority, callable $work): void
{
    StandIn\Hooks::add($point, $priority, $work);
}

function localAPI(string $action, array $fields = [], string $admin = ''): array
{
    try {
        return StandIn\Api::call($action, $fields);
    } catch (StandIn\AnswerLost $lost) {
        return ['result' => 'error', 'message' => $lost->getMessage()];
    }
}

foreach (glob(getenv('WHMCS_ROOT') . '/includes/hooks/[!_]*.php') as $file) {
    require_once $file;
}
