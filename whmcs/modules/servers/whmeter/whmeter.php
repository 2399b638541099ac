<?php
// The functions WHMCS calls: each hands over to a class, and lets nothing escape.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

require_once __DIR__ . '/autoload.php';

use WHMCS\Module\Server\Whmeter\AccountList;
use WHMCS\Module\Server\Whmeter\Buttons;
use WHMCS\Module\Server\Whmeter\Client;
use WHMCS\Module\Server\Whmeter\Connection;
use WHMCS\Module\Server\Whmeter\Html;
use WHMCS\Module\Server\Whmeter\MailTemplates;
use WHMCS\Module\Server\Whmeter\MetricsProvider;
use WHMCS\Module\Server\Whmeter\Namesakes;
use WHMCS\Module\Server\Whmeter\Overage;
use WHMCS\Module\Server\Whmeter\Push;
use WHMCS\Module\Server\Whmeter\Refused;
use WHMCS\Module\Server\Whmeter\Safely;
use WHMCS\Module\Server\Whmeter\ServicePage;
use WHMCS\Module\Server\Whmeter\Settings;
use WHMCS\Module\Server\Whmeter\Stored;
use WHMCS\Module\Server\Whmeter\Texts;

function whmeter_MetaData()
{
    return [
        'DisplayName' => 'whmeter usage metering',
        'APIVersion' => '1.1',
        'RequiresServer' => true,
        'DefaultNonSSLPort' => '9480',
        'DefaultSSLPort' => '9443',
        // Without this WHMCS looks for services by their domain, which metered services often lack.
        'ListAccountsUniqueIdentifierDisplayName' => 'Username',
        'ListAccountsUniqueIdentifierField' => 'username',
        // Server Sync finds the product of an account by its plan on the panel.
        'ListAccountsProductField' => 'configoption7',
    ];
}

/** The order is that of configoption1 and on: see lib/ProductLimits.php. */
function whmeter_ConfigOptions()
{
    $size = static fn (string $what) => [
        'SimpleMode' => true,
        'Type' => 'text',
        'Size' => '20',
        'Default' => '',
        'Description' => "$what, such as 100 GiB (of 1024) or 1.5 TB (of 1000); 0: unlimited; empty: whmeter's own rules",
    ];
    // A text that WHMCS shows as a list: what the loader cannot list may still be typed in advanced mode.
    $template = ['Type' => 'text', 'Size' => '40', 'Default' => '', 'Description' => 'A Product/Service template', 'Loader' => 'whmeter_MailTemplates', 'SimpleMode' => true];
    return [
        'Storage limit' => $size('Storage'),
        'Outgoing traffic limit' => $size('Traffic per month'),
        'Incoming traffic limit' => $size('Traffic per month'),
        'Total traffic limit' => $size('Traffic per month'),
        'Notification template' => $template,
        'Limited template' => $template,
        'Plan' => ['Type' => 'text', 'Size' => '40', 'Default' => '', 'Description' => 'Name of the plan on the panel, for Server Sync', 'SimpleMode' => true],
        'Warn at' => ['Type' => 'text', 'Size' => '5', 'Default' => '', 'Description' => '% of the limit, where a rule of whmeter has notify_at = "whmcs"', 'SimpleMode' => true],
        'Unit' => ['Type' => 'dropdown', 'Options' => ['' => 'as it fits', 'MB' => 'MB', 'GB' => 'GB', 'TB' => 'TB', 'PB' => 'PB'], 'Default' => '', 'Description' => 'Amounts are shown in it, and told by templates', 'SimpleMode' => true],
    ];
}

/** For the settings of a product; without a list the field can be typed into. */
function whmeter_MailTemplates($params = [])
{
    return Safely::run('mail templates', $params, static fn () => MailTemplates::offered(), static fn () => ['' => 'none']);
}

/** For WHMCS's Server Sync. */
function whmeter_ListAccounts($params)
{
    $list = static fn () => ['success' => true, 'accounts' => AccountList::of($params)];
    $why = static fn (Throwable $error) => $error instanceof Refused ? Html::text($error->getMessage()) : 'see the module log';
    return Safely::run('ListAccounts', $params, $list, static fn (Throwable $error) => ['success' => false, 'error' => $why($error)]);
}

function whmeter_MetricProvider($params)
{
    return new MetricsProvider($params);
}

function whmeter_UsageUpdate($params)
{
    $server = (int) ($params['serverid'] ?? 0);
    $write = static function () use ($params, $server): void {
        if (!Settings::isOff('own_overage')) {
            Overage::write(new Client($params), $server);
        }
    };
    Safely::watched("overage figures of server $server", $params, $write, static function (Throwable $error): void {
    });
}

function whmeter_TestConnection($params)
{
    // WHMCS puts it into its page as it is, and part of it is what came over the wire.
    $answer = static fn (string $trouble) => ['success' => $trouble === '', 'error' => Html::text($trouble)];
    return Safely::run(
        'TestConnection',
        $params,
        static fn () => $answer(Connection::trouble($params)),
        static fn (Throwable $error) => $answer($error instanceof Refused ? $error->getMessage() : 'see the module log')
    );
}

/** whmeter creates and deletes no accounts: this and what follows report the service's state to it. */
function whmeter_CreateAccount($params)
{
    $name = Stored::text($params['username'] ?? '');
    if ($name === '') {
        return 'The service needs a username: the name of the account whose usage is metered.';
    }
    // Its customer would see and pay what is another's.
    $others = static fn () => array_diff(Namesakes::of((int) ($params['serverid'] ?? 0), $name), [(int) ($params['serviceid'] ?? 0)]);
    $others = Safely::run('CreateAccount', $params, $others, static fn () => []);
    if ($others) {
        return "The username $name is taken by service " . implode(', ', $others) . ': give this one another.';
    }
    return Push::registered($params);
}

function whmeter_SuspendAccount($params)
{
    return Push::registered($params);
}

function whmeter_UnsuspendAccount($params)
{
    return Push::registered($params);
}

function whmeter_TerminateAccount($params)
{
    return Push::registered($params);
}

function whmeter_ChangePackage($params)
{
    return Push::registered($params);
}

function whmeter_Renew($params)
{
    return 'success';
}

function whmeter_ClientArea($params)
{
    $page = Safely::run(
        'ClientArea',
        $params,
        static fn () => ServicePage::ofClient($params, (int) ($params['serviceid'] ?? 0)),
        static fn () => ''
    );
    return [
        'tabOverviewModuleOutputTemplate' => 'templates/clientarea.tpl',
        'templateVariables' => ['whmeterPage' => $page],
    ];
}

function whmeter_ClientAreaCustomButtonArray($params = [])
{
    $label = static fn () => Texts::ofClient(is_array($params) ? $params : [])->get('recalculate');
    return [Safely::run('texts', [], $label, static fn () => 'Recalculate') => 'recalc'];
}

function whmeter_AdminCustomButtonArray($params = [])
{
    $buttons = ['update_policy' => 'updatepolicy', 'set_standard' => 'setstandard', 'set_limited' => 'setlimited', 'recalculate' => 'recalc'];
    return Safely::run('texts', [], static function () use ($buttons): array {
        $labels = array_map([Texts::ofAdmin(), 'get'], array_keys($buttons));
        return array_combine($labels, array_values($buttons));
    }, static fn () => $buttons);
}

function whmeter_AdminServicesTabFields($params)
{
    return Safely::run('AdminServicesTabFields', $params, static fn () => ServicePage::ofAdmin($params), static fn () => []);
}

function whmeter_recalc($params)
{
    return Buttons::recalculate($params);
}

function whmeter_updatepolicy($params)
{
    return Buttons::policy($params, ['action' => 'reconcile']);
}

function whmeter_setstandard($params)
{
    return Buttons::policy($params, ['action' => 'pin', 'policy' => 'standard']);
}

function whmeter_setlimited($params)
{
    return Buttons::policy($params, ['action' => 'pin', 'policy' => 'limited']);
}
